"""PrepRec (UIUC, RecSys 2024, arXiv:2401.01497): a network that knows items by how their popularity moves, and so fits any catalogue.

Flow     an item at a time: its last 12 coarse percentiles and the current fine one, each between anchors -> MLP;
         + position and gap sinusoids -> causal transformer -> inner product with all items at the present time
Departs  gaps are told by the logarithm of their length, not by their rank in the whole history, which would look ahead; in
         ranking the present is the newest event of the history
Letters  B rows, T steps, W width, N items, P positions
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.contracts import Losses
from penchant.core.artifacts import Artifact, ArtifactWriter
from penchant.core.settings import Settings
from penchant.data.batches import Batch
from penchant.data.clock import gaps
from penchant.data.histories import Histories
from penchant.data.popularity_dynamics import LAGS, Popularity
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.nn.times import log_buckets
from penchant.nn.transformer import TransformerBlock

COARSE, FINE = 11, 6  # anchors


class PrepRecSettings(Settings):
    """Shape of the network."""

    width: int = Field(default=50, ge=2)
    hidden: int = Field(default=100, ge=1, description="of the network that reads popularity")
    layers: int = Field(default=2, ge=1)
    heads: int = Field(default=1, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    max_len: int = Field(default=50, ge=2, description="longest window of events")
    network: bool = Field(default=True, description="without it an item's score is its present popularity")


class PrepRec(SequenceRetriever[PrepRecSettings]):
    """Popularity dynamics under a transformer.

    Args:
        num_items: N.
        settings: Shape of the network.
        coarse: Popularity of the N items in long periods.
        fine: The same in short ones.
    """

    KIND = "preprec"
    SETTINGS = PrepRecSettings
    coarse_table: Tensor
    fine_table: Tensor

    def __init__(self, num_items: int, settings: PrepRecSettings, coarse: Popularity, fine: Popularity) -> None:
        super().__init__()
        self.settings, self.num_items, self.max_len = settings, num_items, settings.max_len
        self.coarse, self.fine = coarse, fine
        self.register_buffer("coarse_table", torch.from_numpy(coarse.table), persistent=False)
        self.register_buffer("fine_table", torch.from_numpy(fine.table), persistent=False)
        inward = LAGS * COARSE + FINE
        self.reader = nn.Sequential(nn.Linear(inward, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, settings.width))
        self.dropout = Dropout(settings.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(settings.width, settings.heads, dropout=settings.dropout) for _ in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)

    def moved(self, num_items: int, coarse: Popularity, fine: Popularity) -> PrepRec:
        """The same weights over another catalogue."""
        found = PrepRec(num_items, self.settings, coarse, fine)
        found.load_state_dict(self.state_dict())
        return found.eval()

    def items_at(self, items: Tensor, coarse: Tensor, fine: Tensor) -> Tensor:
        """float[..., W], items int64[...] as of rows ``coarse`` and ``fine`` of the tables, int64[...]."""
        lags = torch.arange(LAGS, device=items.device)
        past = self.coarse_table[(coarse[..., None] - lags).clamp(min=0), items[..., None]]
        known = torch.cat([between(past, COARSE).flatten(-2), between(self.fine_table[fine, items], FINE)], dim=-1)
        return self.reader(known)

    def encode(self, batch: Batch) -> Tensor:
        """[B, T, W]."""
        x = self.items_at(batch.items, *self.periods(batch.times))
        steps = torch.arange(batch.items.shape[1], device=batch.items.device)
        width = self.settings.width
        x = self.dropout(x + sinusoids(steps, width) + sinusoids(log_buckets(gaps(batch.times)), width))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def periods(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """int64[...] twice: the rows of the tables that were known at ``times``."""
        plain = times.cpu().numpy()
        return tuple(torch.from_numpy(one.before(plain)).to(times.device) for one in (self.coarse, self.fine))  # type: ignore[return-value]

    def loss(self, batch: Batch) -> Losses:
        """Binary cross-entropy of each target against one item drawn uniformly, both as of the target's time."""
        has = batch.targets > 0
        states, targets = self.encode(batch)[has], batch.targets[has]
        periods = self.periods(batch.target_times[has])
        drawn = torch.randint(1, self.num_items + 1, targets.shape, device=targets.device)
        positive, negative = ((states * self.items_at(items, *periods)).sum(dim=-1) for items in (targets, drawn))
        loss = nn.functional.softplus(-positive).mean() + nn.functional.softplus(negative).mean()
        return Losses(loss, {"next_item": loss.detach()})

    @torch.no_grad()
    def states(self, histories: Histories) -> Tensor:
        """float32[B, W + 2]: the state, and the rows of the tables that are known at the newest event."""
        newest = np.full(len(histories), np.iinfo(np.int64).max // 2)
        has = histories.lengths > 0
        if histories.timed:
            newest[has] = histories.times[histories.offsets[1:][has] - 1]
        now = torch.stack(self.periods(torch.from_numpy(newest)), dim=1).float()
        return torch.cat([super().states(histories).float(), now], dim=1)

    def score_states(self, states: Tensor) -> Tensor:
        """float32[B, N + 1]. Rows of one present share their item vectors."""
        every = torch.arange(self.num_items + 1, device=states.device)
        out = states.new_empty(len(states), self.num_items + 1)
        times, group = torch.unique(states[:, -2:].long(), dim=0, return_inverse=True)
        for index, (coarse, fine) in enumerate(times):
            rows = group == index
            if self.settings.network:
                out[rows] = states[rows, :-2] @ self.items_at(every, coarse.expand(len(every)), fine.expand(len(every))).T
            else:
                out[rows] = self.coarse_table[coarse]
        return out

    def write_parts(self, out: ArtifactWriter) -> None:
        """The popularity of the catalogue."""
        out.tensors("popularity", {"coarse": self.coarse.table, "fine": self.fine.table})
        out.json("periods", {name: [one.begin, one.seconds] for name, one in (("coarse", self.coarse), ("fine", self.fine))})

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """Settings and popularity, without weights."""
        settings: dict[str, Any] = dict(saved.manifest.settings)
        tables, periods = saved.arrays("popularity"), saved.json("periods")
        coarse, fine = (Popularity(periods[name][0], periods[name][1], tables[name]) for name in ("coarse", "fine"))
        return cls(settings.pop("num_items"), PrepRecSettings.of(settings), coarse, fine)


def between(values: Tensor, anchors: int) -> Tensor:
    """float[..., anchors]: weights of a value in (0, 1] on evenly spaced anchors, by linear interpolation; zero for 0."""
    places = torch.arange(anchors, device=values.device)
    weights = (1 - (values[..., None] * (anchors - 1) - places).abs()).clamp(min=0)
    return weights * (values > 0)[..., None]


def sinusoids(places: Tensor, width: int) -> Tensor:
    """float[..., width], the fixed code of places int64[...] (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=places.device) * (-math.log(10_000.0) / width))
    angles = places[..., None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width]
