"""Search by vectors: exact inner products over the catalogue.

Letters: B queries, N items, D dimensions, k places.
"""

from __future__ import annotations

import numpy as np
import torch

from penchant.contracts import TopK
from penchant.core.errors import require
from penchant.ranking import blocks_of, join, top_k


class VectorIndex:
    """Exact search; up to some hundred thousand items this is one matrix product and a partial sort.

    Args:
        vectors: float32[N + 1, D], row 0 is padding.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        self.num_items = len(vectors) - 1

    def search(self, queries: np.ndarray, k: int) -> TopK:
        """The k items with the largest inner product for each of float32[B, D].

        Raises:
            InputError: k is outside 1..N.
        """
        require(
            1 <= k <= self.num_items, f"k={k}", f"a list holds 1 to {self.num_items} items (the catalogue)", f"pass 1<=k<={self.num_items}"
        )
        wanted = torch.from_numpy(np.ascontiguousarray(queries, np.float32))
        blocks = []
        for rows in blocks_of(len(wanted), self.num_items):
            scores = wanted[rows] @ self.vectors.T
            scores[:, 0] = -torch.inf
            blocks.append(top_k(scores, k))
        return join(blocks, k)

    def neighbours(self, items: np.ndarray, k: int) -> TopK:
        """The k nearest other items of each item of int[B]; k is at most N - 1."""
        require(1 <= k < self.num_items, f"k={k}", f"an item has 1 to {self.num_items - 1} neighbours", f"pass 1<=k<={self.num_items - 1}")
        scores = self.vectors[torch.from_numpy(np.asarray(items, np.int64))] @ self.vectors.T
        scores[:, 0] = -torch.inf
        scores[torch.arange(len(items)), torch.from_numpy(np.asarray(items, np.int64))] = -torch.inf
        return top_k(scores, k)
