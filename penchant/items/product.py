"""Product quantisation: a vector is cut into L parts, each with its own codebook; codes have no order and no residuals.

Optimised (Ge et al., CVPR 2013): a rotation learnt together with the codebooks spreads what varies over the parts. RPG
(arXiv:2506.05781) generates such codes all at once.

Letters: n rows, D vector width, L parts, K codes of a part, P = ceil(D / L) width of a part.
"""

from __future__ import annotations

from collections.abc import Mapping

import faiss
import numpy as np

from penchant.core.errors import require
from penchant.items.kmeans import kmeans
from penchant.items.quantiser import UnitQuantiser, nearest


class ProductQuantiser(UnitQuantiser):
    """Product quantisation of vectors of unit length.

    Args:
        levels: L, parts and so codes of an item.
        codebook: K, codes a part; fewer where there are fewer distinct points.
        rotated: Whether a rotation is learnt first (OPQ); without it, neighbouring dimensions form a part.
        seed: Same seed and same vectors give the same codes.
        iterations: k-means iterations a part.
        points: Rows a code used in training, at most.

    Raises:
        InputError: A number is below 1.
    """

    KIND = "product-quantiser"

    def __init__(
        self, levels: int = 32, codebook: int = 256, *, rotated: bool = True, seed: int = 0, iterations: int = 25, points: int = 256
    ) -> None:
        settings = {"levels": levels, "codebook": codebook, "rotated": rotated, "seed": seed, "iterations": iterations, "points": points}
        super().__init__(levels, settings, most=points * codebook, seed=seed)
        require(codebook >= 1, f"codebook={codebook}", "a part needs at least one code", "pass codebook>=1")
        require(iterations >= 1, f"iterations={iterations}", "k-means needs at least one iteration", "pass iterations>=1")
        require(points >= 1, f"points={points}", "a code needs at least one training point", "pass points>=1")
        self.codebook, self.rotated, self.iterations, self.points = codebook, rotated, iterations, points
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, P], once fitted
        self.rotation = np.zeros((0, 0), np.float32)  # [L * P, D]

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """The rotation, then a codebook a part."""
        width = rows.shape[1]
        padded = -(-width // self.levels) * self.levels
        self.rotation = np.eye(padded, width, dtype=np.float32)
        if self.rotated and len(rows) > self.codebook:
            opq = faiss.OPQMatrix(width, self.levels, padded)
            opq.pq = faiss.ProductQuantizer(padded, self.levels, max(1, int(np.log2(self.codebook))))
            opq.train(np.ascontiguousarray(rows, np.float32))
            self.rotation = faiss.vector_to_array(opq.A).reshape(padded, width).astype(np.float32)
        parts = self._parts(rows)
        self.codebooks = [
            kmeans(part.astype(np.float32), self.codebook, seed=self.seed + level, iterations=self.iterations, points_a_cluster=self.points)
            for level, part in enumerate(parts)
        ]

    def assign(self, rows: np.ndarray) -> np.ndarray:
        """The nearest code of each part on its own."""
        return np.stack([nearest(part, book) for part, book in zip(self._parts(rows), self.codebooks, strict=True)], axis=1)

    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """The parts put together and turned back; parts beyond l are zero."""
        parts = [
            book[codes[:, level]] if level < codes.shape[1] else np.zeros((len(codes), book.shape[1]), np.float32)
            for level, book in enumerate(self.codebooks)
        ]
        return np.concatenate(parts, axis=1) @ self.rotation

    def arrays(self) -> dict[str, np.ndarray]:
        return {"rotation": self.rotation, **{f"level_{level}": book for level, book in enumerate(self.codebooks)}}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.rotation = arrays["rotation"]
        self.codebooks = [arrays[f"level_{level}"] for level in range(self.levels)]

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """L arrays float64[n, P]."""
        return np.split(rows @ self.rotation.T.astype(np.float64), self.levels, axis=1)
