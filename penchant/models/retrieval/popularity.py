"""Popularity: the same list for everybody, by training events."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.data.histories import Histories
from penchant.models.retrieval.scored import recommend_by_score


class Popularity:
    """Ranks items by how many training events they have.

    Args:
        counts: float32[N + 1], events an item; index 0 is ignored.
    """

    KIND = "popularity"

    def __init__(self, counts: np.ndarray) -> None:
        self.counts = torch.from_numpy(counts.astype(np.float32))
        self.num_items = len(counts) - 1

    @classmethod
    def fit(cls, train: Histories, num_items: int) -> Self:
        """Count the events of ``train``."""
        return cls(np.bincount(train.items, minlength=num_items + 1))

    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1], the counts in every row."""
        scores = self.counts.repeat(len(histories), 1)
        scores[:, 0] = -torch.inf
        return scores

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k most popular items that are not excluded."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the artifact."""
        with write_artifact(folder, kind=self.KIND, settings={}) as out:
            out.tensors("counts", {"counts": self.counts})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model."""
        return cls(read_artifact(folder, kind=cls.KIND).tensors("counts")["counts"].numpy())
