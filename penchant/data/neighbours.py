"""Rows that are near each other by their vectors, and batches of windows together with their neighbours.

Letters: M rows, D width of vectors, K neighbours, B rows of a batch, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from penchant.core.errors import require
from penchant.data.batches import Batch, TrainingBatches, by_length

CELLS = 8_000_000  # similarities held at a time


def nearest(vectors: np.ndarray, k: int, *, groups: np.ndarray | None = None) -> np.ndarray:
    """int64[M, k], the rows with the largest inner product, best first, equal ones by number.

    A row is no neighbour of itself, nor of rows of its own group. Where too few others remain, the row stands in itself.

    Args:
        vectors: float[M, D], unit rows for cosines.
        k: In 1..M - 1.
        groups: int64[M], for example the user of each row.
    """
    count = len(vectors)
    require(1 <= k < count, f"k={k}", f"a row has at least one neighbour and {count - 1} at most", f"pass 1<=k<{count}")
    groups = np.arange(count) if groups is None else groups
    found = np.empty((count, k), np.int64)
    step = max(1, CELLS // count)
    for start in range(0, count, step):
        rows = np.arange(start, min(count, start + step))
        scores = vectors[rows] @ vectors.T
        scores[groups[rows][:, None] == groups[None, :]] = -np.inf
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(scores, best, axis=1)
        order = np.lexsort((best, -values), axis=1)
        best, values = np.take_along_axis(best, order, axis=1), np.take_along_axis(values, order, axis=1)
        found[rows] = np.where(np.isneginf(values), rows[:, None], best)
    return found


def strangers(count: int, k: int, random: np.random.Generator, *, groups: np.ndarray | None = None) -> np.ndarray:
    """int64[M, k] like ``nearest``, but random rows: the control that shows whether nearness matters.

    One draw in a row's own group is drawn again; a second one stands.
    """
    groups = np.arange(count) if groups is None else groups
    drawn = random.integers(0, count, (count, k))
    again = groups[drawn] == groups[:, None]
    return np.where(again, random.integers(0, count, (count, k)), drawn)


def portraits(batches: TrainingBatches, vectors: np.ndarray) -> np.ndarray:
    """float32[M, D], the mean vector of each window's inputs at unit length; zero for a window of one event.

    Args:
        batches: With M windows. The newest event of a window is a target only, and not in its portrait.
        vectors: float32[N + 1, D] of items.
    """
    seen = batches.windows.without_last(1)
    sums = np.zeros((len(seen), vectors.shape[1]), np.float32)
    np.add.at(sums, seen.rows, vectors[seen.items])
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class NeighbourBatch:
    """Windows with their neighbours.

    Attributes:
        batch: B rows.
        others: The B * K neighbours in parts of like length, so that little of them is padding.
        places: int64[B * K], where the neighbours are among the rows of these parts: the K of row 0 first.
        portraits: float32[B, D] of the rows.
        other_portraits: float32[B, K, D] of the neighbours.
    """

    batch: Batch
    others: tuple[Batch, ...]
    places: torch.Tensor
    portraits: torch.Tensor
    other_portraits: torch.Tensor

    @property
    def num_targets(self) -> int:
        """Of the rows themselves."""
        return self.batch.num_targets

    def to(self, device: torch.device | str) -> NeighbourBatch:
        """The same on a device."""
        return NeighbourBatch(
            self.batch.to(device),
            tuple(part.to(device) for part in self.others),
            self.places.to(device),
            self.portraits.to(device),
            self.other_portraits.to(device),
        )


class NeighbourBatches:
    """Training batches, each row with the windows that are its neighbours.

    Args:
        batches: With M windows.
        neighbours: int64[M, K].
        portraits: float32[M, D].
    """

    def __init__(self, batches: TrainingBatches, neighbours: np.ndarray, portraits: np.ndarray) -> None:
        self.batches, self.neighbours = batches, neighbours
        self.portraits = torch.from_numpy(portraits)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """As without neighbours."""
        return self.batches.plan(epoch)

    def batch(self, rows: np.ndarray) -> NeighbourBatch:
        """The windows ``rows`` and their neighbours."""
        near = self.neighbours[rows]
        parts = by_length(self.batches.windows.lengths[near.ravel()], self.batches.tokens)
        return NeighbourBatch(
            self.batches.batch(rows),
            tuple(self.batches.batch(near.ravel()[part]) for part in parts),
            torch.from_numpy(np.argsort(np.concatenate(parts))),
            self.portraits[torch.from_numpy(rows)],
            self.portraits[torch.from_numpy(near)],
        )
