"""What turns vectors into semantic IDs: short tuples of codes, so that alike items share codes.

Letters: n rows, D vector width, L levels, K codes of a level.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.core.seeds import generator

ROWS = 8192  # rows encoded at a time: 16 MB of distances at K = 256
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


class UnitQuantiser(ABC):
    """What all quantisers share: rows of unit length (all-zero rows stay zero), checks, blocks, and files.

    A subclass gives ``KIND``, ``settings``, ``codebook_sizes`` and five methods that need check nothing.

    Args:
        levels: L, how many codes an item gets.
        settings: Arguments of the constructor, as JSON values.
        most: Rows that are learnt from; of more, a sample of that size is drawn with ``seed``.
        seed: Of everything that is drawn.
    """

    KIND: str

    def __init__(self, levels: int, settings: Mapping[str, Any], *, most: int, seed: int) -> None:
        require(levels >= 1, f"levels={levels}", "a quantiser needs at least one level", "pass levels>=1")
        self.levels = levels
        self.settings = dict(settings)
        self.most, self.seed = most, seed
        self.width: int | None = None  # D, once fitted

    @property
    @abstractmethod
    def codebook_sizes(self) -> tuple[int, ...]:
        """How many codes each of the L levels has."""

    @abstractmethod
    def learn(self, rows: np.ndarray) -> None:
        """Learn from float64[n, D], n >= 1, unit or zero rows."""

    @abstractmethod
    def assign(self, rows: np.ndarray) -> np.ndarray:
        """int32[n, L] of float64[n, D], unit or zero rows, which may be written over."""

    @abstractmethod
    def rebuild(self, codes: np.ndarray) -> np.ndarray:
        """float32[n, D] of int[n, l], 1 <= l <= L, each code in its codebook."""

    @abstractmethod
    def arrays(self) -> dict[str, np.ndarray]:
        """What was learnt, by name."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take back what ``arrays`` gave."""

    def fit(self, vectors: np.ndarray) -> Self:
        """Learn from float32[n, D], n >= 1.

        Raises:
            InputError: There is no row, or a value is not finite.
        """
        require(len(vectors) > 0, "0 vectors", "a quantiser learns from at least one point", "pass at least one vector")
        rows = np.asarray(vectors)
        if len(rows) > self.most:
            rows = rows[np.sort(generator(self.seed).choice(len(rows), self.most, replace=False))]
        rows = unit_rows(rows)
        self.width = None
        self.learn(rows)
        self.width = rows.shape[1]
        return self

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """int32[n, L], each row on its own.

        Raises:
            InputError: Not fitted, another width than at ``fit``, or a value is not finite.
        """
        codes = np.empty((len(vectors), self.levels), np.int32)
        for part, rows in self.blocks(vectors):
            codes[part] = self.assign(rows)
        return codes

    def blocks(self, vectors: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """Checked vectors as ``assign`` takes them, some rows at a time, and which rows these are."""
        width, rows = self._fitted(), np.asarray(vectors)
        fits = rows.ndim == 2 and rows.shape[1] == width
        require(fits, f"vectors of shape {rows.shape}", f"the codebooks have width {width}", f"pass float32[n, {width}]")
        for start in range(0, len(rows), ROWS):
            yield slice(start, start + ROWS), unit_rows(rows[start : start + ROWS])

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """float32[n, D], what the first l levels give back for int[n, l], l <= L.

        Raises:
            InputError: Not fitted, more levels than L, or a code no codebook has.
        """
        width = self._fitted()
        fits = codes.ndim == 2 and codes.shape[1] <= self.levels
        require(fits, f"codes of shape {codes.shape}", f"there are {self.levels} levels", "pass int[n, l] with l <= levels")
        for level, size in enumerate(self.codebook_sizes[: codes.shape[1]]):
            column = codes[:, level]
            held = not len(column) or (int(column.min()) >= 0 and int(column.max()) < size)
            require(held, f"a code outside 0..{size - 1} at level {level}", "the codebook has no such entry", "pass codes from encode")
        return self.rebuild(codes) if codes.size else np.zeros((len(codes), width), np.float32)

    def save(self, folder: Path) -> None:
        """Write an artifact."""
        with write_artifact(folder, kind=self.KIND, settings={**self.settings, "width": self._fitted()}) as out:
            out.tensors("learnt", self.arrays())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ArtifactError: The folder is not such an artifact, or was altered.
        """
        artifact = read_artifact(folder, kind=cls.KIND)
        settings = dict(artifact.manifest.settings)
        width = settings.pop("width")
        quantiser = cls(**settings)
        quantiser.restore(artifact.arrays("learnt"))
        quantiser.width = width
        return quantiser

    def _fitted(self) -> int:
        if self.width is None:
            require(False, "no codebooks", "the quantiser was not fitted", "call fit(vectors) first")
        assert self.width is not None
        return self.width


def total(books: Sequence[np.ndarray], codes: np.ndarray) -> np.ndarray:
    """float32[n, D], the sum over levels of the rows that int[n, l] picks from float32[K_l, D]."""
    out = np.zeros((len(codes), books[0].shape[1]), np.float32)
    for level in range(codes.shape[1]):
        out += books[level][codes[:, level]]
    return out


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """float64[n, D], a copy with rows of unit length to float32 precision (so a centroid can equal a row); zeros stay zero."""
    vectors = np.asarray(vectors)
    require(vectors.ndim == 2, f"vectors of shape {vectors.shape}", "vectors are one row an item", "pass float32[n, D]")
    rows = vectors.astype(np.float64)
    require(bool(np.isfinite(rows).all()), "NaN or infinity among the vectors", "vectors must be finite", "repair the encoder's output")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=rows, where=length > 0).astype(np.float32).astype(np.float64)


def nearest(points: np.ndarray, book: np.ndarray) -> np.ndarray:
    """int32[n], the nearest of K centroids; float64 and the tie rule keep it independent of the batch."""
    centroids = book.astype(np.float64)
    squares = (centroids**2).sum(axis=1)
    codes = np.empty(len(points), np.int32)
    for start in range(0, len(points), ROWS):
        distances = squares - 2 * (points[start : start + ROWS] @ centroids.T)
        codes[start : start + ROWS] = (distances <= distances.min(axis=1, keepdims=True) + _TIE).argmax(axis=1)
    return codes


def squared_distances(points: np.ndarray, book: np.ndarray) -> np.ndarray:
    """float64[n, K], of n points to K centroids."""
    centroids = book.astype(np.float64)
    found = (centroids**2).sum(axis=1) - 2 * (points @ centroids.T)
    found += (points**2).sum(axis=1, keepdims=True)
    return np.maximum(found, 0, out=found)
