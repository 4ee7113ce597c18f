"""Batches of whole users as sets of items, for models that see a user as one row of the user-item matrix.

Letters: B rows, E items of the batch (an item of two rows counts twice), N items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories


@dataclass(frozen=True)
class RowBatch:
    """Which row has which item, each once.

    Attributes:
        rows: int64[E], ascending, in 0..B-1.
        items: int64[E], in 1..N.
        count: B.
    """

    rows: torch.Tensor
    items: torch.Tensor
    count: int

    def __len__(self) -> int:
        return self.count

    @property
    def num_targets(self) -> int:
        """Items of all rows."""
        return len(self.items)

    def to(self, device: torch.device | str) -> RowBatch:
        return RowBatch(self.rows.to(device), self.items.to(device), self.count)

    @property
    def offsets(self) -> torch.Tensor:
        """int64[B], where each row's items begin."""
        lengths = torch.bincount(self.rows, minlength=self.count)
        return lengths.cumsum(0) - lengths


def as_rows(histories: Histories) -> RowBatch:
    """All rows of histories; an item that a row has twice counts once."""
    most = int(histories.items.max(initial=0)) + 1
    rows, items = np.divmod(np.unique(histories.rows * most + histories.items), most)
    return RowBatch(torch.from_numpy(rows), torch.from_numpy(items.astype(np.int64)), len(histories))


class RowBatches:
    """Every row that is not empty, once an epoch, in seeded order.

    Args:
        histories: What is learnt from.
        size: B.
        seed: Of the order.
    """

    def __init__(self, histories: Histories, *, size: int, seed: int = 0) -> None:
        require(size >= 1, f"size={size}", "a batch holds at least one row", "pass size>=1")
        self.histories, self.size, self.seed = histories, size, seed
        self.usable = np.flatnonzero(histories.lengths)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Rows of every batch of an epoch."""
        shuffled = generator(self.seed, epoch).permutation(self.usable)
        return [shuffled[start : start + self.size] for start in range(0, len(shuffled), self.size)]

    def batch(self, rows: np.ndarray) -> RowBatch:
        """Those rows."""
        return as_rows(self.histories.take(rows))
