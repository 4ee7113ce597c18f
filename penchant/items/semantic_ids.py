"""Semantic IDs: vectors to short tuples of codes, coarse to fine, so that alike items share prefixes.

Residual k-means: level 1 clusters the vectors, level 2 clusters what level 1 left over, and so on; an item's codes are
its clusters, and the sum of their centroids approximates its vector.

Letters: n rows, D vector width, L levels, K clusters of a level.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import faiss
import numpy as np

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.core.seeds import generator

_ROWS = 8192  # rows encoded at a time: 16 MB of distances at K = 256
_TIE = 1e-9  # squared distances this close are equal, and the lower code wins, in whatever batch the row comes


@runtime_checkable
class Quantiser(Protocol):
    """Whatever turns vectors into codes and back. It is fitted once; later vectors are only encoded."""

    levels: int

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """How many codes each of the L levels has; codes of level l are 0..sizes[l]-1."""
        ...

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn from float32[n, D]."""
        ...

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """int32[n, L]; a row's codes do not depend on the other rows."""
        ...

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32[n, D] from int[n, l], l <= L: the approximation that the first l levels give."""
        ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


class ResidualKMeans:
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
        require(levels >= 1, f"levels={levels}", "a quantiser needs at least one level", "pass levels>=1")
        require(codebook >= 1, f"codebook={codebook}", "a level needs at least one code", "pass codebook>=1")
        require(iterations >= 1, f"iterations={iterations}", "k-means needs at least one iteration", "pass iterations>=1")
        require(points >= 1, f"points={points}", "a cluster needs at least one training point", "pass points>=1")
        self.levels = levels
        self.codebook = codebook
        self.seed = seed
        self.iterations = iterations
        self.points = points
        self.codebooks: list[np.ndarray] = []  # L arrays float32[K_l, D], once fitted

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(len(book) for book in self.codebooks)

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn L codebooks from float32[n, D], n >= 1.

        Raises:
            InputError: There is no row, or a value is not finite.
        """
        require(len(vectors) > 0, "0 vectors", "k-means needs at least one point", "pass at least one vector")
        most = self.points * self.codebook
        if len(vectors) > most:
            vectors = np.asarray(vectors)[np.sort(generator(self.seed).choice(len(vectors), most, replace=False))]
        residual = _normalised(vectors)
        self.codebooks = []
        for level in range(self.levels):
            book = self._cluster(residual.astype(np.float32), self.seed + level)
            self.codebooks.append(book)
            residual -= book[_nearest(residual, book)]
        return self

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """int32[n, L], each row on its own: the nearest centroid level by level (equally near: the lower code).

        Raises:
            InputError: Not fitted, another width than at ``fit``, or a value is not finite.
        """
        width, rows = self._width(), np.asarray(vectors)
        fits = rows.ndim == 2 and rows.shape[1] == width
        require(fits, f"vectors of shape {rows.shape}", f"the codebooks have width {width}", f"pass float32[n, {width}]")
        codes = np.empty((len(rows), self.levels), np.int32)
        for start in range(0, len(rows), _ROWS):
            residual = _normalised(rows[start : start + _ROWS])
            for level, book in enumerate(self.codebooks):
                nearest = codes[start : start + _ROWS, level] = _nearest(residual, book)
                residual -= book[nearest]
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32[n, D], the sum of the centroids of int[n, l], l <= L.

        Raises:
            InputError: Not fitted, more levels than L, or a code no codebook has.
        """
        width = self._width()
        require(
            codes.ndim == 2 and codes.shape[1] <= self.levels,
            f"codes of shape {codes.shape}",
            f"there are {self.levels} levels",
            "pass int[n, l] with l <= levels",
        )
        total = np.zeros((len(codes), width), np.float32)
        for level, book in enumerate(self.codebooks[: codes.shape[1]]):
            column = codes[:, level]
            fits = not len(column) or (int(column.min()) >= 0 and int(column.max()) < len(book))
            require(fits, f"a code outside 0..{len(book) - 1} at level {level}", "the codebook has no such entry", "pass codes from encode")
            total += book[column]
        return total

    def save(self, folder: Path) -> None:
        """Write an artifact with the codebooks."""
        self._width()
        settings = {
            "levels": self.levels,
            "codebook": self.codebook,
            "seed": self.seed,
            "iterations": self.iterations,
            "points": self.points,
        }
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            out.tensors("codebooks", {f"level_{level}": book for level, book in enumerate(self.codebooks)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ArtifactError: The folder is not such an artifact, or was altered.
        """
        artifact = read_artifact(folder, kind=cls.KIND)
        quantiser = cls(**artifact.manifest.settings)
        books = artifact.arrays("codebooks")
        quantiser.codebooks = [books[f"level_{level}"] for level in range(quantiser.levels)]
        return quantiser

    def _width(self) -> int:
        require(len(self.codebooks) == self.levels, "no codebooks", "the quantiser was not fitted", "call fit(vectors) first")
        return self.codebooks[0].shape[1]

    def _cluster(self, points: np.ndarray, seed: int) -> np.ndarray:
        """Centroids float32[K, D]. Repeated points are one point with a weight, so K never exceeds what can be told apart."""
        rows = np.ascontiguousarray(points + np.float32(0))  # -0.0 becomes 0.0: equal rows get equal bytes
        keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        order = np.argsort(first)  # catalogue order, not byte order
        distinct, weights = rows[first[order]], counts[order].astype(np.float32)
        size = min(self.codebook, len(distinct))
        if size == len(distinct):
            return distinct
        kmeans = faiss.Kmeans(
            rows.shape[1],
            size,
            niter=self.iterations,
            seed=seed % 2**31,
            gpu=False,
            min_points_per_centroid=1,
            max_points_per_centroid=self.points,
        )
        kmeans.train(distinct, weights=weights)
        return np.asarray(kmeans.centroids, np.float32)


def unique_codes(codes: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
    """Append a level that tells duplicates apart: the rank of a row among the rows with the same codes, 0 for the first.

    Args:
        codes: int32[n, L].
        taken: int32[m, L + 1], codes given out before. They keep their meaning: new rows continue after the highest
            rank in use, so ``unique_codes(b, taken=unique_codes(a))`` equals the last rows of ``unique_codes(a + b)``.

    Returns:
        int32[n, L + 1], rows distinct from each other and from ``taken``.

    Raises:
        InputError: The shapes do not fit each other.
    """
    require(codes.ndim == 2, f"codes of shape {codes.shape}", "codes are one row an item", "pass int32[n, L]")
    earlier = np.empty((0, codes.shape[1] + 1), np.int32) if taken is None else np.asarray(taken)
    fits = earlier.ndim == 2 and earlier.shape[1] == codes.shape[1] + 1
    require(
        fits, f"taken of shape {earlier.shape}", f"codes of {codes.shape[1]} levels grow by one", f"pass int32[m, {codes.shape[1] + 1}]"
    )
    if not len(codes):
        return np.empty((0, codes.shape[1] + 1), np.int32)
    _, group = np.unique(np.concatenate([earlier[:, :-1], codes]), axis=0, return_inverse=True)
    group = group.ravel()
    free = np.zeros(int(group.max()) + 1, np.int64)  # the first free rank of each group
    np.maximum.at(free, group[: len(earlier)], earlier[:, -1] + 1)
    mine = group[len(earlier) :]
    order = np.argsort(mine, kind="stable")
    ranked = mine[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sizes = np.diff(np.append(starts, len(ranked)))
    ranks = np.empty(len(mine), np.int64)
    ranks[order] = np.arange(len(ranked)) - np.repeat(starts, sizes)
    return np.concatenate([codes, (free[mine] + ranks)[:, None]], axis=1).astype(np.int32)


def _normalised(vectors: np.ndarray) -> np.ndarray:
    """float64[n, D], a copy with rows of unit length to float32 precision (so a centroid can equal a row); zeros stay zero."""
    vectors = np.asarray(vectors)
    require(vectors.ndim == 2, f"vectors of shape {vectors.shape}", "vectors are one row an item", "pass float32[n, D]")
    rows = vectors.astype(np.float64)
    require(bool(np.isfinite(rows).all()), "NaN or infinity among the vectors", "vectors must be finite", "repair the encoder's output")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=rows, where=length > 0).astype(np.float32).astype(np.float64)


def _nearest(points: np.ndarray, book: np.ndarray) -> np.ndarray:
    """int32[n], the nearest of K centroids; float64 and the tie rule keep it independent of the batch."""
    centroids = book.astype(np.float64)
    squares = (centroids**2).sum(axis=1)
    codes = np.empty(len(points), np.int32)
    for start in range(0, len(points), _ROWS):
        distances = squares - 2 * (points[start : start + _ROWS] @ centroids.T)
        codes[start : start + _ROWS] = (distances <= distances.min(axis=1, keepdims=True) + _TIE).argmax(axis=1)
    return codes
