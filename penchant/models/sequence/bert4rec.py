"""BERT4Rec (Sun et al., CIKM 2019, arXiv:1904.06690): fill in the masked items of a history, seen from both sides.

Flow     items with some masked + positions -> transformer without a causal mask -> GELU projection -> item vectors + bias
         to recommend, the history gets a mask appended
Departs  pre-norm blocks; training masks items anew in every batch; a share of rows masks the newest item alone, as
         inference does; on request that of a random prefix
Letters  B rows, T steps, W width, N items, P masked places

A batch of T steps holds T + 1 places: the steps, and behind each the item that follows it. State t of ``encode`` is that of
place t + 1.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.transformer import TransformerBlock, init_normal
from penchant.objectives.softmax import Objective


class BERT4RecSettings(Settings):
    """Shape of the network, and how it is trained."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    masked: float = Field(default=0.2, gt=0, lt=1, description="share of items masked")
    last_share: float = Field(default=0.5, ge=0, le=1, description="share of rows in which the newest item alone is masked")
    prefixes: bool = Field(default=False, description="whether such a row is cut to a random prefix first")


class BERT4Rec(SequenceRetriever[BERT4RecSettings]):
    """A bidirectional transformer over a history.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Loss at masked places; the full softmax by default.
    """

    KIND = "bert4rec"
    SETTINGS = BERT4RecSettings

    def __init__(self, num_items: int, settings: BERT4RecSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or BERT4RecSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        self.bias = nn.Embedding(num_items + 1, 1)
        self.mask = nn.Parameter(torch.empty(settings.width).normal_(std=0.02))
        self.positions = nn.Embedding(settings.max_len + 1, settings.width)
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(settings.width, settings.heads, dropout=settings.dropout, causal=False) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.projection = nn.Sequential(nn.Linear(settings.width, settings.width), nn.GELU(), nn.LayerNorm(settings.width))
        self.head = ItemHead(self.items, objective=objective, bias=self.bias)
        init_normal(self)
        nn.init.zeros_(self.bias.weight)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W], of which each row's last valid state is that of a mask appended to the row. All of it is seen."""
        items = F.pad(batch.items, (0, 1))
        masked = torch.arange(items.shape[1], device=items.device) == batch.lengths[:, None]
        return self.fill(items, masked, batch.lengths + 1)[:, 1:]

    def loss(self, batch: Batch) -> Losses:
        """Loss at the masked items."""
        items = torch.cat([batch.items[:, :1], batch.targets], dim=1)
        masked, lengths = self.draw(items, batch.lengths + 1)
        states = self.fill(items, masked, lengths)[masked]
        loss = self.head.loss(states, items[masked])
        return Losses(loss, {"masked_item": loss.detach()})

    def fill(self, items: Tensor, masked: Tensor, lengths: Tensor) -> Tensor:
        """States [B, T, W] of int64[B, T] items, some of them masked (bool[B, T]), the first ``lengths`` of them valid."""
        steps = torch.arange(items.shape[1], device=items.device)
        x = torch.where(masked[..., None], self.mask, self.items(items)) + self.positions(steps)
        seen = steps < lengths[:, None]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, seen)
        return self.projection(self.norm(x))

    def draw(self, items: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """What is masked, bool[B, T] with one at least a row, and how many places remain, int64[B].

        Args:
            items: int64[B, T], the item of each place, 0 where there is none.
            lengths: int64[B], valid places, two at least.
        """
        rows, steps = items.shape
        alone = torch.rand(rows, device=items.device) < self.settings.last_share
        some = (torch.rand(rows, steps, device=items.device) < self.settings.masked) & (items > 0)
        if self.settings.prefixes:
            cut = 2 + (torch.rand(rows, device=items.device) * (lengths - 1)).long()
            lengths = torch.where(alone, torch.minimum(cut, lengths), lengths)
        newest = torch.arange(steps, device=items.device) == lengths[:, None] - 1
        return torch.where(alone[:, None] | ~some.any(dim=1, keepdim=True), newest, some), lengths
