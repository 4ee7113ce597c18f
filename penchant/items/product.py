"""Product quantisation: a vector is cut into L parts, each with its own codebook; codes have no order and no residuals.

Optimised (Ge et al., CVPR 2013): a rotation learnt together with the codebooks spreads what varies over the parts. RPG
(arXiv:2506.05781) generates such codes all at once.

Letters: n rows, D vector width, L parts, K codes of a part, P = ceil(D / L) width of a part.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from penchant.items.kmeans import check, kmeans
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
        check(codebook=codebook, iterations=iterations, points=points)
        self.codebook, self.rotated, self.iterations, self.points = codebook, rotated, iterations, points
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, P], once fitted
        self.rotation = np.zeros((0, 0), np.float32)  # [L * P, D]

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def learn(self, rows: np.ndarray) -> None:
        """The rotation, then a codebook a part."""
        padded = -(-rows.shape[1] // self.levels) * self.levels
        self.rotation = np.eye(padded, rows.shape[1], dtype=np.float32)
        if self.rotated and len(rows) > self.codebook:
            self.rotation = self._rotation(rows, padded).astype(np.float32)
        parts = self._parts(rows)
        self.codebooks = [self._book(part, level, iterations=self.iterations) for level, part in enumerate(parts)]

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

    def _rotation(self, rows: np.ndarray, padded: int) -> np.ndarray:
        """float64[L * P, D]: from the balanced principal axes on, codes and rotation are improved in turns (OPQ-NP of the paper)."""
        rotation = balanced_axes(rows, self.levels, padded)
        books: list[np.ndarray] = []
        for _ in range(self.iterations):
            parts = np.split(rows @ rotation.T, self.levels, axis=1)
            books = books or [self._book(part, level, iterations=4) for level, part in enumerate(parts)]
            codes = [_quick(part, book) for part, book in zip(parts, books, strict=True)]
            books = [_means(part, chosen, book) for part, chosen, book in zip(parts, codes, books, strict=True)]
            rebuilt = np.concatenate([book[chosen] for chosen, book in zip(codes, books, strict=True)], axis=1)
            left, _, right = np.linalg.svd(rebuilt.T @ rows, full_matrices=False)
            rotation = left @ right
        return rotation

    def _book(self, part: np.ndarray, level: int, *, iterations: int) -> np.ndarray:
        return kmeans(part.astype(np.float32), self.codebook, seed=self.seed + level, iterations=iterations, points_a_cluster=self.points)

    def _parts(self, rows: np.ndarray) -> list[np.ndarray]:
        """L arrays float64[n, P]."""
        return np.split(rows @ self.rotation.T.astype(np.float64), self.levels, axis=1)


def balanced_axes(rows: np.ndarray, levels: int, padded: int) -> np.ndarray:
    """float64[padded, D]: principal axes dealt to the parts so that the products of their variances are alike."""
    width = rows.shape[1]
    variances, axes = np.linalg.eigh(rows.T @ rows / len(rows))
    # Sizes of at least 1: logarithms below 0 would make the fullest part look the emptiest.
    sizes = np.log(np.maximum(variances, 1e-12) / max(float(variances.min()), 1e-12))
    held: list[list[int]] = [[] for _ in range(levels)]
    weight = np.zeros(levels)
    for axis in np.argsort(-variances):
        room = [part for part in range(levels) if len(held[part]) < padded // levels]
        part = min(room, key=lambda one: (weight[one], one))
        held[part].append(int(axis))
        weight[part] += sizes[axis]
    rotation = np.zeros((padded, width))
    for part, chosen in enumerate(held):
        rotation[part * (padded // levels) : part * (padded // levels) + len(chosen)] = axes[:, chosen].T
    return rotation


def _quick(part: np.ndarray, book: np.ndarray) -> np.ndarray:
    """int64[n], ``nearest`` in float32 and without its rule for ties: enough to learn from."""
    return (part.astype(np.float32) @ (2 * book.T) - (book**2).sum(axis=1)).argmax(axis=1)


def _means(part: np.ndarray, chosen: np.ndarray, book: np.ndarray) -> np.ndarray:
    """Means of the rows of each code, float32[K, P]; a code without rows keeps its vector."""
    counts = np.bincount(chosen, minlength=len(book))[:, None]
    sums = np.stack([np.bincount(chosen, weights=column, minlength=len(book)) for column in part.T], axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), book).astype(np.float32)
