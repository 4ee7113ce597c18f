"""A pointwise ranker with a head an action, over what a generator knows of user and candidate.

Modern Ranking Platform (Zalando, 2024, arXiv:2409.02856): the loss is the sum of the heads' binary losses, all of equal weight; what is
served is a weighted sum of their probabilities, with weights a use case.

Flow     [state, item vector, their product, score and place by the generator and by other scorers, item features] -> MLP -> a logit
         a head, to which each scorer's score is added with a weight that begins at 1 for the generator: at first it ranks as that does
Departs  the paper's ranker is a transformer with many more features; here the generator's state stands for the history

Letters: B users, C candidates, S scorers, the generator first, W width, F features, A heads, N items.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.settings import Settings
from penchant.nn.dropout import Dropout

_OF_LIST = 2  # features that a scorer gives: score and place


class MultiTaskSettings(Settings):
    """Shape of the network."""

    heads: int = Field(default=1, ge=1, description="A, actions")
    scorers: int = Field(default=1, ge=1, description="S")
    hidden: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


@dataclass(frozen=True)
class RankingBatch:
    """Users with candidates, and what became of these.

    Attributes:
        states: float32[B, W], what the generator makes of the history.
        items: int64[B, C], candidates; 0 is none.
        scores: float32[B, C, S] by each scorer.
        labels: float32[B, C, A], whether each action was taken.
    """

    states: Tensor
    items: Tensor
    scores: Tensor
    labels: Tensor

    @property
    def num_targets(self) -> int:
        """Candidates."""
        return int((self.items > 0).sum())

    def to(self, device: torch.device | str) -> RankingBatch:
        return RankingBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class MultiTaskRanker(nn.Module):
    """Says of each candidate how probable each action is.

    Args:
        vectors: float32[N + 1, W], the generator's item vectors; they are not trained.
        features: float32[N + 1, F] of items.
        settings: Shape of the network.
    """

    vectors: Tensor
    features: Tensor

    def __init__(self, vectors: np.ndarray, features: np.ndarray, settings: MultiTaskSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or MultiTaskSettings()
        self.register_buffer("vectors", torch.from_numpy(np.ascontiguousarray(vectors, np.float32)))
        self.register_buffer("features", torch.from_numpy(np.ascontiguousarray(features, np.float32)))
        width = 3 * vectors.shape[1] + _OF_LIST * settings.scorers + features.shape[1]
        first = torch.zeros(settings.scorers, settings.heads)
        first[0] = 1.0
        self.trust = nn.Parameter(first)
        self.network = nn.Sequential(
            nn.Linear(width, settings.hidden),
            nn.GELU(),
            Dropout(settings.dropout),
            nn.Linear(settings.hidden, settings.hidden),
            nn.GELU(),
            nn.Linear(settings.hidden, settings.heads),
        )

    def forward(self, states: Tensor, items: Tensor, scores: Tensor) -> Tensor:
        """float32[B, C, A], logits. See ``RankingBatch``."""
        states = F.normalize(states, dim=-1)[:, None].expand(-1, items.shape[1], -1)
        vectors = F.normalize(self.vectors[items], dim=-1)
        units, places = of_list(items, scores)
        parts = [states, vectors, states * vectors, units, places, self.features[items]]
        return self.network(torch.cat(parts, dim=-1)) + units @ self.trust

    def loss(self, batch: RankingBatch) -> Losses:
        """The sum over heads of the mean binary cross-entropy over candidates."""
        logits, there = self(batch.states, batch.items, batch.scores), batch.items > 0
        found = F.binary_cross_entropy_with_logits(logits[there], batch.labels[there], reduction="none").mean(dim=0)
        return Losses(found.sum(), {f"head {head}": one.detach() for head, one in enumerate(found)})


def of_list(items: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Twice float32[B, C, S]: scores in deviations from the mean of their list, and logarithms of places; 0 where there is no candidate.

    Args:
        items: int64[B, C].
        scores: float32[B, C, S].
    """
    there = (items > 0)[..., None]
    count = there.sum(dim=1, keepdim=True).clamp(min=1)
    known = scores.masked_fill(~there, 0.0)
    centred = (known - known.sum(dim=1, keepdim=True) / count).masked_fill(~there, 0.0)
    spread = (centred.square().sum(dim=1, keepdim=True) / count).sqrt()
    order = scores.masked_fill(~there, -torch.inf).argsort(dim=1, descending=True, stable=True).argsort(dim=1, stable=True)
    return centred / spread.clamp(min=1e-6), (order + 1.0).log().masked_fill(~there, 0.0)
