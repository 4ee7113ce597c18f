"""HSTU as a retriever (Zhai et al., ICML 2024, arXiv:2402.17152): layers without softmax over the items of a history.

Flow     item + position embeddings -> HSTU layers with biases for distance in steps and in time -> state -> item vectors
Departs  history items only, no action tokens; the time bias of a step runs from its own event, not from the event to be
         predicted, whose time no recommender knows; all steps are targets; one draw of stochastic length a batch
Letters  B rows, T steps, W width, N items
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.clock import Times
from penchant.data.stochastic_length import stochastic_length
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.hstu import HSTULayer
from penchant.nn.times import log_buckets
from penchant.nn.transformer import init_normal
from penchant.objectives.softmax import Objective


class HSTUSettings(Settings):
    """Shape of the network, and what it sees."""

    width: int = Field(default=64, ge=1)
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    temperature: float | None = Field(default=None, gt=0, description="score by cosine / temperature instead of the inner product")
    timed: bool = Field(default=True, description="whether attention has a bias for time")
    alpha: float = Field(default=2.0, gt=1, le=2, description="exponent of stochastic length in training; 2 keeps every step")
    times: Times = Field(default=Times.USED, description="what training sees of the times")
    test_times: Times = Field(default=Times.USED, description="what inference sees of the times")


class HSTU(SequenceRetriever[HSTUSettings]):
    """Hierarchical sequential transduction units over a history.

    Args:
        num_items: N.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "hstu"
    SETTINGS = HSTUSettings

    def __init__(self, num_items: int, settings: HSTUSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or HSTUSettings()
        self.num_items, self.max_len = num_items, settings.max_len
        self.items = nn.Embedding(num_items + 1, settings.width)  # row 0: the start token
        self.head = ItemHead(self.items, temperature=settings.temperature, objective=objective)
        self.positions = nn.Embedding(settings.max_len, settings.width)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(
            HSTULayer(settings.width, settings.heads, max_len=settings.max_len, dropout=settings.dropout, timed=settings.timed)
            for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        init_normal(self)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        settings = self.settings
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        x = self.dropout(self.items(batch.items) + self.positions(steps))
        buckets = None
        if settings.timed:
            times = (settings.times if self.training else settings.test_times).of(batch).times
            buckets = log_buckets(spans(times))
        for layer in self.layers:
            x = layer(x, buckets)
        return self.norm(x)

    def loss(self, batch: Batch) -> Losses:
        """Next-item loss over all steps that have a target and that stochastic length kept."""
        return super().loss(stochastic_length(batch, self.settings.alpha, self.max_len) if self.training else batch)


def spans(times: Tensor) -> Tensor:
    """int64[B, T, T], seconds from step j (last axis) to step i; 0 where either has no time."""
    known = times > 0
    return (times[:, :, None] - times[:, None, :]) * (known[:, :, None] & known[:, None, :])
