"""Exact search of items by the sum of one score a code: what FAISS' product quantiser scans, with code vectors for centroids.

    score(item) = sum over levels l of <query part l, vector of the item's code l>

All parts of all items lie as one byte each, so a million items of 32 codes are 32 MB, read once a query. The scores are
those of a full product of matrices up to float32 rounding; nothing is approximated.

Letters: B queries, N items, L levels, K codes of a level, P width of a part, k places.
"""

from __future__ import annotations

import faiss
import numpy as np

from penchant.contracts import TopK
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.ranking import check_k, tie_order

CODES = 256  # that fit into a byte


class ProductScan:
    """The k best items by sums over levels.

    Args:
        vectors: float32[L, K, P] of the codes of each level, K <= 256; rows of codes that do not exist may hold anything.
        codes: int[N, L]; row j holds the codes of item j + 1. Several items may share all codes; then they tie.

    Raises:
        InputError: Shapes do not fit each other, K is above 256, or a code is outside 0..K-1.
    """

    def __init__(self, vectors: np.ndarray, codes: np.ndarray) -> None:
        levels, size, part = vectors.shape
        require(size <= CODES, f"codebook={size}", f"a code is one byte, so a level has at most {CODES}", "use smaller codebooks")
        fits = codes.ndim == 2 and codes.shape[1] == levels and len(codes) > 0
        require(fits, f"codes of shape {codes.shape}", f"there are {levels} levels, and an item at least", f"pass int[N, {levels}]")
        inside = int(codes.min()) >= 0 and int(codes.max()) < size
        require(
            inside, f"codes {int(codes.min())}..{int(codes.max())}", f"a level has the codes 0..{size - 1}", "pass codes of these levels"
        )
        self.levels, self.part, self.num_items = levels, part, len(codes)
        self.codes = np.ascontiguousarray(codes, np.uint8)
        self.centroids = np.zeros((levels, CODES, part), np.float32)
        self.centroids[:, :size] = vectors
        self.index = self._indexed(self.codes)
        #: The last choice of items that was asked for, bool[N], and an index of those alone: masks change rarely.
        self._chosen: tuple[np.ndarray, faiss.IndexPQ] | None = None

    def _indexed(self, codes: np.ndarray) -> faiss.IndexPQ:
        index = faiss.IndexPQ(self.levels * self.part, self.levels, 8, faiss.METRIC_INNER_PRODUCT)
        faiss.copy_array_to_vector(self.centroids.ravel(), index.pq.centroids)
        index.is_trained = True
        index.add_sa_codes(codes)
        return index

    def _index_of(self, chosen: np.ndarray) -> faiss.IndexPQ:
        """The index of the items bool[N] alone; FAISS' scan cannot pass over items."""
        last = self._chosen
        if last is None or not np.array_equal(last[0], chosen):
            self._chosen = last = (chosen.copy(), self._indexed(self.codes[chosen]))
        return last[1]

    def search(self, queries: np.ndarray, k: int, *, exclude: Histories | None = None, allowed: np.ndarray | None = None) -> TopK:
        """The k best items of each row; equal scores in the order that ``penchant.ranking`` states.

        Args:
            queries: float32[B, L, P].
            k: Places.
            exclude: B rows of items that are not shown.
            allowed: bool[N + 1], items that may be shown in any row; None: all.

        Returns:
            Where fewer than k items may be shown, the rest is 0 and ``-inf``.

        Raises:
            InputError: k is outside 1..N, or shapes do not fit.
        """
        check_k(k, self.num_items)
        fits = queries.ndim == 3 and queries.shape[1:] == (self.levels, self.part)
        require(fits, f"queries of shape {queries.shape}", f"{self.levels} parts of width {self.part}", "pass float32[B, L, P]")
        index, item_at = self.index, np.arange(1, self.num_items + 1)
        if allowed is not None and not allowed[1:].all():
            index, item_at = self._index_of(allowed[1:]), np.flatnonzero(allowed[1:]) + 1
        held = len(item_at)
        if not held or not len(queries):
            return TopK(np.zeros((len(queries), k), np.int32), np.full((len(queries), k), -np.inf, np.float32))
        rows = np.ascontiguousarray(queries.reshape(len(queries), self.levels * self.part), np.float32)
        most = 0 if exclude is None else int(exclude.lengths.max(initial=0))
        wanted = min(held, k + most + 1)
        while True:
            scores, places = index.search(rows, wanted)
            items = item_at[places]
            scores = _without(items, scores, exclude)
            order = np.lexsort((tie_order(self.num_items)[items], -scores), axis=-1)
            scores, items = np.take_along_axis(scores, order, axis=1), np.take_along_axis(items, order, axis=1)
            # Ties may go on beyond what was asked for: then the order between them is not known yet.
            if wanted == held or not _torn(scores, k):
                break
            wanted = min(held, 2 * wanted)
        missing = ((0, 0), (0, max(0, k - held)))
        items = np.pad(items[:, :k], missing)
        scores = np.pad(scores[:, :k].astype(np.float32), missing, constant_values=-np.inf)
        return TopK(np.where(np.isneginf(scores), 0, items).astype(np.int32), scores)


def _without(items: np.ndarray, scores: np.ndarray, exclude: Histories | None) -> np.ndarray:
    """The scores, ``-inf`` for excluded items."""
    if exclude is None or not exclude.num_events:
        return scores
    highest = int(max(items.max(initial=0), exclude.items.max())) + 1
    gone = np.unique(exclude.rows.astype(np.int64) * highest + exclude.items)
    asked = np.arange(len(items))[:, None] * highest + items
    return np.where(np.isin(asked, gone), -np.inf, scores)


def _torn(scores: np.ndarray, k: int) -> bool:
    """Whether for some row the k-th score equals the worst one found that may be shown."""
    finite = np.where(np.isneginf(scores), np.inf, scores)
    return bool((finite.min(axis=1, initial=np.inf) == scores[:, k - 1]).any())
