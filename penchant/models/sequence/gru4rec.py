"""GRU4Rec (Hidasi et al., ICLR 2016, arXiv:1511.06939), over the history of a user: a recurrent state that follows the items.

Flow     item embedding -> norm -> GRU -> projection to the item width -> inner product with the item vectors
Departs  rows are users, padded on the right, so there are no parallel sessions and no state to reset; trained at every
         step with the objective given, by default softmax cross-entropy (the paper has TOP1 and BPR over the batch's items)
Letters  B rows, T steps, W width, N items
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.transformer import init_normal
from penchant.objectives.softmax import Objective


class GRU4RecSettings(Settings):
    """Shape of the network."""

    width: int = Field(default=64, ge=1)
    hidden: int = Field(default=128, ge=1, description="width of the recurrent state")
    layers: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    tied: bool = Field(default=True, description="whether items have one vector for input and output")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")


class GRU4Rec(SequenceRetriever[GRU4RecSettings]):
    """A gated recurrent network over a history.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "gru4rec"
    SETTINGS = GRU4RecSettings

    def __init__(self, num_items: int, settings: GRU4RecSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or GRU4RecSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        outputs = self.items if settings.tied else nn.Embedding(num_items + 1, settings.width)
        self.outputs = None if settings.tied else outputs
        self.head = ItemHead(outputs, temperature=settings.temperature, objective=objective)
        self.dropout = nn.Dropout(settings.dropout)
        self.input_norm = nn.LayerNorm(settings.width)
        inner = settings.dropout if settings.layers > 1 else 0.0
        self.recurrence = nn.GRU(settings.width, settings.hidden, settings.layers, batch_first=True, dropout=inner)
        self.norm = nn.LayerNorm(settings.hidden)
        self.outward = nn.Linear(settings.hidden, settings.width)
        init_normal(self)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        x = self.dropout(self.input_norm(self.items(batch.items)))
        with torch.autocast(x.device.type, enabled=False):  # steps follow one another, so rounding would add up
            x, _ = self.recurrence(x.float())
        return self.outward(self.dropout(self.norm(x)))
