"""State space networks over a history: SSD (Mamba-2, arXiv:2405.21060) and, with time, TiM4Rec (arXiv:2409.16182).

Flow     item embedding -> norm -> blocks of state space + feed-forward; with time, the gaps set the tempo of each -> item vectors
Departs  pre-norm blocks; gaps enter as masked log(1 + seconds) step by step instead of through a norm and a perceptron over
         the whole length, which would see the future: so all steps train at once, not the last one of each prefix; the
         tempo is 1 + tau, so that without gaps there is plain SSD
Letters  B rows, T steps, W width, H heads, N items
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.clock import Times, gaps
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.state_space import StateSpaceMixer
from penchant.nn.tempo import Tempo, gap_levels
from penchant.nn.transformer import init_normal
from penchant.objectives.softmax import Objective


class StateSpaceSettings(Settings):
    """Shape of the network, and what it sees."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    state: int = Field(default=32, ge=1, description="size of the state of a head and channel")
    head: int = Field(default=32, ge=1, description="width of a head")
    expand: int = Field(default=2, ge=1, description="inner width as a multiple of the width")
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")
    timed: bool = Field(default=False, description="whether gaps set the tempo")
    times: Times = Field(default=Times.USED, description="what training sees of the times")
    test_times: Times = Field(default=Times.USED, description="what inference sees of the times")


class StateSpaceBlock(nn.Module):
    """State space and feed-forward part, each behind a norm and beside a residual. [B, T, W] -> [B, T, W].

    Args:
        width: W.
        mixer: Maps [B, T, W] and a tempo to [B, T, W].
        dropout: Of both parts.
    """

    def __init__(self, width: int, mixer: StateSpaceMixer, *, dropout: float) -> None:
        super().__init__()
        self.mixer = mixer
        self.mixer_norm, self.forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.forward_part = nn.Sequential(nn.Linear(width, 4 * width), nn.Hardswish(), nn.Linear(4 * width, width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, tempo: Tensor | None = None) -> Tensor:
        """``tempo``: [B, T, H]."""
        x = x + self.dropout(self.mixer(self.mixer_norm(x), tempo))
        return x + self.dropout(self.forward_part(self.forward_norm(x)))


class StateSpaceNetwork(SequenceRetriever[StateSpaceSettings]):
    """Selective state spaces over a history, with a tempo from the gaps where ``settings.timed``.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "state-space"
    SETTINGS = StateSpaceSettings

    def __init__(self, num_items: int, settings: StateSpaceSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or StateSpaceSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        self.head = ItemHead(self.items, temperature=settings.temperature, objective=objective)
        self.input_norm = nn.LayerNorm(settings.width)
        self.dropout = Dropout(settings.dropout)
        sizes = {"expand": settings.expand, "head": settings.head, "state": settings.state}
        mixers = [StateSpaceMixer(settings.width, **sizes) for _ in range(settings.layers)]
        self.blocks = nn.ModuleList(StateSpaceBlock(settings.width, mixer, dropout=settings.dropout) for mixer in mixers)
        self.norm = nn.LayerNorm(settings.width)
        init_normal(self)
        for mixer in mixers:  # small weights here would leave steps, inputs and outputs of the state space all but constant
            mixer.inward.reset_parameters()
        heads, last = mixers[0].heads, settings.layers - 1
        self.tempos = nn.ModuleList(Tempo(heads, onward=layer < last) for layer in range(settings.layers)) if settings.timed else None

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        x = self.dropout(self.input_norm(self.items(batch.items)))
        if self.tempos is None:
            for block in self.blocks:
                x = block(x)
            return self.norm(x)
        times = (self.settings.times if self.training else self.settings.test_times).of(batch).times
        levels = gap_levels(gaps(times))[..., None].expand(-1, -1, self.settings.width * self.settings.expand // self.settings.head)
        for block, tempo_of in zip(self.blocks, self.tempos, strict=True):
            tempo, levels = tempo_of(levels)
            x = block(x, tempo)
        return self.norm(x)
