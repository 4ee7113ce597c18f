"""Content neighbours: items whose vectors are near what the user dealt with lately.

Letters: B rows, N items, D dimensions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.retrieval.scored import recommend_by_score


class ContentNeighbours:
    """Scores items by the inner product with the recency-weighted mean vector of the newest events.

    It needs no training, so it works for items that nobody has touched yet.

    Args:
        vectors: float32[N + 1, D] of unit length, row 0 zero.
        recent: How many of the newest events count.
        halving: The weight of an event halves every ``halving`` events into the past.
    """

    KIND = "content"

    def __init__(self, vectors: np.ndarray, *, recent: int = 10, halving: float = 3.0) -> None:
        require(recent >= 1 and halving > 0, f"recent={recent}, halving={halving}", "both must be positive", "pass recent>=1 and halving>0")
        self.vectors = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        self.recent, self.halving = recent, halving
        self.num_items = len(vectors) - 1

    def profile(self, histories: Histories) -> Tensor:
        """float32[B, D], unit vectors of what was done lately; zeros for an empty history."""
        newest = histories.last(self.recent)
        age = newest.lengths[newest.rows] - 1 - newest.places
        weights = torch.from_numpy(0.5 ** (age / self.halving)).float()
        profile = torch.zeros(len(histories), self.vectors.shape[1])
        profile.index_add_(0, torch.from_numpy(newest.rows), self.vectors[torch.from_numpy(newest.items).long()] * weights[:, None])
        return torch.nn.functional.normalize(profile, dim=1)

    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; an empty history scores 0 everywhere."""
        scores = self.profile(histories) @ self.vectors.T
        scores[:, 0] = -torch.inf
        return scores

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k nearest items a row."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the artifact."""
        with write_artifact(folder, kind=self.KIND, settings={"recent": self.recent, "halving": self.halving}) as out:
            out.tensors("vectors", {"vectors": self.vectors})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model."""
        saved = read_artifact(folder, kind=cls.KIND)
        return cls(saved.arrays("vectors")["vectors"], **saved.manifest.settings)
