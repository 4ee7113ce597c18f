"""SASRec (Kang and McAuley, ICDM 2018, arXiv:1808.09781): self-attention over the items of a history.

Flow     item + position embeddings -> causal transformer -> state -> inner product with the item table
Departs  pre-norm blocks with GELU; trained at every step, by default with softmax cross-entropy (the paper's binary loss
         with one negative is far weaker); a start token makes the empty history a valid input; scores may be cosines
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
from penchant.nn.transformer import TransformerBlock, init_normal
from penchant.objectives.softmax import Objective


class SASRecSettings(Settings):
    """Shape of the network."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    last_dropout: float | None = Field(default=None, ge=0, lt=1, description="of the last block; from the first on it changes evenly")
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")


class SASRec(SequenceRetriever[SASRecSettings]):
    """Self-attentive sequential recommendation with tied item vectors.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "sasrec"
    SETTINGS = SASRecSettings

    def __init__(self, num_items: int, settings: SASRecSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings or SASRecSettings()
        settings = self.settings
        self.num_items, self.max_len = num_items, settings.max_len
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        self.head = ItemHead(self.items, temperature=settings.temperature, objective=objective)
        self.positions = nn.Embedding(settings.max_len, settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        rates = torch.linspace(
            settings.dropout, settings.dropout if settings.last_dropout is None else settings.last_dropout, settings.layers
        ).tolist()
        self.blocks = nn.ModuleList(TransformerBlock(settings.width, settings.heads, dropout=rate) for rate in rates)
        self.norm = nn.LayerNorm(settings.width)
        init_normal(self)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        x = self.dropout(self.items(batch.items) + self.positions(steps))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)
