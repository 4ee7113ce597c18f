"""Training windows with a description of each: a vector that was made of a text, and which texts are the same.

Letters: M windows, D width of descriptions, B rows of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from penchant.core.errors import require
from penchant.data.batches import Batch, TrainingBatches


@dataclass(frozen=True)
class DescribedBatch:
    """Windows with their descriptions.

    Attributes:
        batch: B rows.
        vectors: float32[B, D], one description a row.
        kinds: int64[B], equal where the texts are.
    """

    batch: Batch
    vectors: torch.Tensor
    kinds: torch.Tensor

    @property
    def num_targets(self) -> int:
        """What the model is asked to predict."""
        return self.batch.num_targets

    def to(self, device: torch.device | str) -> DescribedBatch:
        return DescribedBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class DescribedBatches:
    """The batches of another, each row with its description.

    Args:
        batches: With M windows.
        vectors: float32[M, D], one a window.
        kinds: int64[M], equal for equal descriptions; by default all are different.

    Raises:
        InputError: There is another number of them than of windows.
    """

    def __init__(self, batches: TrainingBatches, vectors: np.ndarray, kinds: np.ndarray | None = None) -> None:
        kinds = np.arange(len(vectors)) if kinds is None else kinds
        windows, right = len(batches.windows), len(vectors) == len(kinds) == len(batches.windows)
        require(right, f"{len(vectors)} vectors, {len(kinds)} kinds", f"there are {windows} windows", "pass one of each a window")
        self.batches = batches
        self.vectors, self.kinds = torch.from_numpy(vectors.astype(np.float32)), torch.from_numpy(kinds.astype(np.int64))

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Windows of every batch of an epoch."""
        return self.batches.plan(epoch)

    def batch(self, rows: np.ndarray) -> DescribedBatch:
        """Those windows."""
        at = torch.from_numpy(rows)
        return DescribedBatch(self.batches.batch(rows), self.vectors[at], self.kinds[at])
