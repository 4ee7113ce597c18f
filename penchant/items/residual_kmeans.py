"""Residual k-means: level 1 clusters the vectors, level 2 clusters what level 1 left over, and so on.

An item's codes are its clusters, coarse to fine, and the sum of their centroids approximates its vector.

Letters: n rows, D vector width, L levels, K clusters of a level.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from penchant.core.errors import require
from penchant.items.kmeans import kmeans
from penchant.items.quantiser import UnitQuantiser, nearest, total


class ResidualKMeans(UnitQuantiser):
    """Residual k-means over vectors of unit length (rows are normalised first; all-zero rows stay zero).

    Args:
        levels: L, how many codes an item gets.
        codebook: K, clusters a level; fewer where there are fewer distinct points.
        seed: Same seed and same vectors give the same codebooks.
        iterations: k-means iterations a level.
        points: Rows a cluster used in training; of more than ``points * K`` rows a sample of that size is drawn.

    Raises:
        InputError: A number is below 1.
    """

    KIND = "residual-kmeans"

    def __init__(self, levels: int = 3, codebook: int = 256, seed: int = 0, iterations: int = 25, points: int = 256) -> None:
        settings = {"levels": levels, "codebook": codebook, "seed": seed, "iterations": iterations, "points": points}
        super().__init__(levels, settings, most=points * codebook, seed=seed)
        require(codebook >= 1, f"codebook={codebook}", "a level needs at least one code", "pass codebook>=1")
        require(iterations >= 1, f"iterations={iterations}", "k-means needs at least one iteration", "pass iterations>=1")
        require(points >= 1, f"points={points}", "a cluster needs at least one training point", "pass points>=1")
        self.codebook, self.iterations, self.points = codebook, iterations, points
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, D], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """L codebooks, one after the other."""
        self.codebooks = []
        for level in range(self.levels):
            book = kmeans(
                rows.astype(np.float32), self.codebook, seed=self.seed + level, iterations=self.iterations, points_a_cluster=self.points
            )
            self.codebooks.append(book)
            rows = rows - book[nearest(rows, book)]

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest centroid level by level (equally near: the lower code)."""
        codes = np.empty((len(rows), self.levels), np.int32)
        for level, book in enumerate(self.codebooks):
            codes[:, level] = nearest(rows, book)
            rows -= book[codes[:, level]]
        return codes

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """The sum of the centroids."""
        return total(self.codebooks, codes)

    def arrays(self) -> dict[str, np.ndarray]:
        return {f"level_{level}": book for level, book in enumerate(self.codebooks)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.codebooks = [arrays[f"level_{level}"] for level in range(self.levels)]
