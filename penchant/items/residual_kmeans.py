"""Residual k-means: level 1 clusters the vectors, level 2 clusters what level 1 left over, and so on.

An item's codes are its clusters, coarse to fine, and the sum of their centroids approximates its vector.

Balanced, as in OneRec (arXiv:2506.13695) and GREAM (arXiv:2510.20815): no cluster learns from more than its share of the rows.

Letters: n rows, D vector width, L levels, K clusters of a level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from penchant.core.errors import require
from penchant.items.kmeans import check, distinct, kmeans
from penchant.items.quantiser import UnitQuantiser, nearest, squared_distances, total
from penchant.items.sinkhorn import balanced

_TURNS = 25  # of balanced assignments and means, at most
_AGAIN = 5  # iterations of Sinkhorn from prices that were nearly right


class ResidualKMeans(UnitQuantiser):
    """Residual k-means over vectors of unit length (rows are normalised first; all-zero rows stay zero).

    Args:
        levels: L, how many codes an item gets.
        codebook: K, clusters a level; fewer where there are fewer distinct points.
        seed: Same seed and same vectors give the same codebooks.
        iterations: k-means iterations a level, at each number of dimensions.
        points: Rows a cluster used in training; of more than ``points * K`` rows a sample of that size is drawn.
        capacity: A cluster learns from at most ``ceil(capacity * n / K)`` of the n training rows; 1.0 is balanced, ``None``
            plain k-means. It shapes the centroids only: ``encode`` gives each row its nearest centroid, so that rows do
            not depend on each other, and the codes are more even but not exactly so. ``collisions.spread_codes`` then
            gives no full code to two items while there is room.

    Raises:
        InputError: A number is below 1.
    """

    KIND = "residual-kmeans"

    def __init__(
        self,
        levels: int = 3,
        codebook: int = 256,
        seed: int = 0,
        iterations: int = 10,
        points: int = 256,
        capacity: float | None = None,
    ) -> None:
        settings = {"levels": levels, "codebook": codebook, "seed": seed, "iterations": iterations, "points": points, "capacity": capacity}
        super().__init__(levels, settings, most=points * codebook, seed=seed)
        check(codebook=codebook, iterations=iterations, points=points)
        roomy = capacity is None or capacity >= 1
        require(roomy, f"capacity={capacity}", "together the clusters need room for every row", "pass capacity>=1, or None")
        self.codebook, self.iterations, self.points, self.capacity = codebook, iterations, points, capacity
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, D], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """L codebooks, one after the other."""
        self.codebooks = residual_codebooks(rows, self.levels, self._codebook)

    def _codebook(self, rows: np.ndarray, level: int) -> np.ndarray:
        settings = {"seed": self.seed + level, "iterations": self.iterations, "points_a_cluster": self.points}
        if self.capacity is None:
            return kmeans(rows, self.codebook, **settings)
        return balanced_kmeans(rows, self.codebook, capacity=self.capacity, **settings)

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest centroid level by level (equally near: the lower code)."""
        return residual_codes(rows, self.codebooks)

    def last_distances(self, vectors: np.ndarray) -> np.ndarray:
        """float64[n, K_L], squared, from what L - 1 levels leave of float32[n, D] to the centroids of the last level."""
        return distances_to_last((rows for _, rows in self.blocks(vectors)), self.codebooks)

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """The sum of the centroids."""
        return total(self.codebooks, codes)

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"level_{level}": book for level, book in enumerate(self.codebooks)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.codebooks = [arrays[f"level_{level}"] for level in range(self.levels)]


def residual_codebooks(rows: np.ndarray, levels: int, find: Callable[[np.ndarray, int], np.ndarray]) -> list[np.ndarray]:
    """L codebooks of float64[n, D]: ``find(float32[n, D], level)`` gives that of what the levels before left over."""
    books = []
    for level in range(levels):
        book = find(rows.astype(np.float32), level)
        books.append(book)
        rows = rows - book[nearest(rows, book)]
    return books


def residual_codes(rows: np.ndarray, books: Sequence[np.ndarray]) -> np.ndarray:
    """int32[n, L], the nearest of float32[K_l, D] level by level; float64[n, D] rows become what is left over."""
    codes = np.empty((len(rows), len(books)), np.int32)
    for level, book in enumerate(books):
        codes[:, level] = nearest(rows, book)
        rows -= book[codes[:, level]]
    return codes


def distances_to_last(blocks: Iterable[np.ndarray], books: Sequence[np.ndarray]) -> np.ndarray:
    """float64[n, K_L], squared, to the last codebook from what the others leave of blocks of float64[., D], written over."""
    found = []
    for rows in blocks:
        residual_codes(rows, books[:-1])
        found.append(squared_distances(rows, books[-1]))
    return np.concatenate([np.empty((0, len(books[-1]))), *found])


def balanced_kmeans(points: np.ndarray, clusters: int, *, capacity: float, seed: int, iterations: int, points_a_cluster: int) -> np.ndarray:
    """Centroids float32[K, D] of float32[n, D], each the mean of at most ``ceil(capacity * n / K)`` points.

    Balanced assignments and means take turns, from plain k-means on. Where there are no more distinct points than
    clusters, they are the centroids.
    """
    book = kmeans(points, clusters, seed=seed, iterations=iterations, points_a_cluster=points_a_cluster)
    if len(distinct(points)[0]) <= clusters:
        return book
    room = np.full(len(book), int(np.ceil(capacity * len(points) / len(book))))
    codes, prices = balanced(squared_distances(points, book), room)
    for _ in range(_TURNS):
        sizes = np.bincount(codes, minlength=len(book))[:, None]
        sums = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), (len(book), len(codes))) @ points
        book = np.where(sizes > 0, sums / np.maximum(sizes, 1), book).astype(np.float32)
        before = codes
        codes, prices = balanced(squared_distances(points, book), room, prices, iterations=_AGAIN)
        if np.array_equal(codes, before):
            break
    return book
