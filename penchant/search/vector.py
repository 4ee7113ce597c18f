"""Search by vectors: exact inner products over the whole catalogue, one matrix product a block.

Letters: B queries, N items (row 0 is padding), D vector width, k places.
"""

from __future__ import annotations

import numpy as np
import torch

from penchant.contracts import TopK
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.ranking import blocks_of, check_k, exclude_, join, top_k


class VectorIndex:
    """N items by their vectors. Items whose vector is all zero (nothing is known of them) are never found.

    Args:
        vectors: float32[N + 1, D], N >= 1.

    Raises:
        InputError: The shape is another one, or a value is not finite.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        require(
            vectors.ndim == 2 and len(vectors) > 1,
            f"vectors of shape {vectors.shape}",
            "there is one row an item after padding",
            "pass float32[N + 1, D]",
        )
        require(
            bool(np.isfinite(vectors).all()), "NaN or infinity among the vectors", "vectors must be finite", "repair the encoder's output"
        )
        self._vectors = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))
        self._empty = ~self._vectors.any(dim=1)
        self._empty[0] = True

    @property
    def num_items(self) -> int:
        return len(self._vectors) - 1

    def search(self, queries: np.ndarray, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k items with the largest inner product a query; none for a query of zeros.

        Args:
            queries: float32[B, D].
            exclude: B rows of items that must not appear.

        Raises:
            InputError: k is outside 1..N, or ``queries`` or ``exclude`` have another shape.
        """
        check_k(k, self.num_items)
        wanted = np.asarray(queries, np.float32)
        width = self._vectors.shape[1]
        require(
            wanted.ndim == 2 and wanted.shape[1] == width,
            f"queries of shape {wanted.shape}",
            f"the items' vectors have width {width}",
            f"pass float32[B, {width}]",
        )
        require(
            exclude is None or len(exclude) == len(wanted),
            "exclude has another number of rows",
            f"there are {len(wanted)} queries",
            "pass one row a query",
        )
        blocks = []
        for rows in blocks_of(len(wanted), self.num_items):
            block = torch.tensor(wanted[rows])  # a copy: what comes from a cache may be read-only
            scores = block @ self._vectors.T
            scores[:, self._empty] = -torch.inf
            scores[~block.any(dim=1)] = -torch.inf
            left_out = None if exclude is None else exclude.take(np.arange(rows.start, rows.stop))
            blocks.append(top_k(exclude_(scores, left_out), k))
        return join(blocks, k)

    def neighbours(self, items: np.ndarray, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k items nearest to each of B items, itself left out.

        Args:
            items: int32[B].
            exclude: B rows of further items that must not appear.

        Raises:
            InputError: k is outside 1..N, an item outside 1..N, or ``exclude`` has another number of rows.
        """
        codes = np.asarray(items, np.int32)
        fits = codes.ndim == 1 and (not len(codes) or (int(codes.min()) >= 1 and int(codes.max()) <= self.num_items))
        require(fits, f"items={codes.tolist()!r:.60}", f"item codes are 1..{self.num_items}", "encode ids with the catalogue")
        further = exclude if exclude is not None else Histories.of([[]] * len(codes))
        require(len(further) == len(codes), "exclude has another number of rows", f"there are {len(codes)} items", "pass one row an item")
        left_out = Histories.of([np.append(further.row(place), own) for place, own in enumerate(codes)])
        return self.search(self._vectors[codes.astype(np.int64)].numpy(), k, exclude=left_out)
