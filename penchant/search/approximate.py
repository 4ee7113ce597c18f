"""Indexes over item vectors behind one contract: exact, by clusters and short codes, by a graph of neighbours (FAISS).

    FlatIndex    every vector is looked at; the measure of the others
    IVFPQIndex   Jégou et al., TPAMI 2011: the nearest clusters' members by codes of 4 bits, scanned in registers (André
                 et al., VLDB 2015), then the best of them again by their vectors
    HNSWIndex    Malkov and Yashunin, arXiv:1603.09320: a walk from neighbour to neighbour

All rank by inner product. An index of n items numbers them 1..n in the order they were added.

Letters: B queries, n items, D width, k places.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import faiss
import numpy as np
from pydantic import Field

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.ranking import check_k


class ItemIndex(Protocol):
    """Finds the items whose vectors have the largest inner product with a query."""

    @property
    def num_items(self) -> int: ...

    def add(self, vectors: np.ndarray) -> None:
        """Append float32[n, D]; the first call also learns what the index needs to know of the data."""
        ...

    def search(self, queries: np.ndarray, k: int, *, effort: int | None = None) -> TopK:
        """The k items that the index finds best for float32[B, D]; 0 where it finds fewer.

        Args:
            effort: More finds more and takes longer; what it counts is up to the index. None: as the settings say.
        """
        ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


class FlatSettings(Settings):
    """There is nothing to set."""


class IVFPQSettings(Settings):
    """Clusters and codes."""

    lists: int = Field(default=256, ge=1, description="clusters; fewer where the first items are under 39 a cluster")
    width_per_code: int = Field(default=2, ge=1, description="dimensions that share a code of 4 bits; divides D")
    probes: int = Field(default=16, ge=1, description="clusters looked into; the effort")
    again: float = Field(default=8.0, ge=1, description="times k candidates that are ranked again by their vectors")


class HNSWSettings(Settings):
    """The graph."""

    links: int = Field(default=32, ge=2, description="neighbours a node; twice as many at the bottom")
    build_effort: int = Field(default=100, ge=1, description="candidates kept while building")
    search_effort: int = Field(default=64, ge=1, description="candidates kept while searching; the effort")


S = TypeVar("S", bound=Settings)
_faiss: Any = faiss  # search parameters are classes made at run time, which type checkers do not see


class FaissIndex(ABC, Generic[S]):
    """What the indexes share. A subclass names ``KIND``, its settings, and makes the structure."""

    KIND: str
    SETTINGS: type[S]

    def __init__(self, settings: S | None = None) -> None:
        self.settings: S = settings or self.SETTINGS()
        self.index: Any = None

    @abstractmethod
    def make(self, count: int, width: int) -> Any:
        """An empty structure for ``count`` first vectors of ``width``."""

    @abstractmethod
    def parameters(self, effort: int | None) -> Any:
        """What a search is told."""

    @property
    def num_items(self) -> int:
        """How many were added: n."""
        return 0 if self.index is None else int(self.index.ntotal)

    def add(self, vectors: np.ndarray) -> None:
        """Append vectors; see ``ItemIndex``.

        Raises:
            InputError: The shape does not fit, or a value is not finite.
        """
        rows = self._checked(vectors, "vectors")
        if self.index is None:
            require(len(rows) > 0, "0 vectors", "an index learns from its first items", "add at least one")
            index = self.make(*rows.shape)
            index.train(rows)
            self.index = index
        self.index.add(rows)

    def search(self, queries: np.ndarray, k: int, *, effort: int | None = None) -> TopK:
        """The k best found; see ``ItemIndex``.

        Raises:
            InputError: k is outside 1..n, the effort is not positive, or the queries do not fit.
        """
        check_k(k, self.num_items)
        require(effort is None or effort >= 1, f"effort={effort}", "a search makes some effort", "pass effort>=1")
        rows = self._checked(queries, "queries")
        if not len(rows):
            return TopK(np.zeros((0, k), np.int32), np.zeros((0, k), np.float32))
        scores, found = self.index.search(rows, k, params=self.parameters(effort))
        return TopK((found + 1).astype(np.int32), np.where(found < 0, -np.inf, scores).astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write the artifact. FAISS' own bytes lie in a tensor."""
        require(self.index is not None, "an empty index", "there is nothing to save", "add items first")
        with write_artifact(folder, kind=self.KIND, settings=self.settings.plain()) as out:
            out.tensors("index", {"bytes": faiss.serialize_index(self.index)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved index."""
        saved = read_artifact(folder, kind=cls.KIND)
        found = cls(cls.SETTINGS.of(saved.manifest.settings))
        found.index = faiss.deserialize_index(saved.arrays("index")["bytes"])
        return found

    def _checked(self, vectors: np.ndarray, name: str) -> np.ndarray:
        rows = np.ascontiguousarray(vectors, np.float32)
        width = None if self.index is None else self.index.d
        fits = rows.ndim == 2 and rows.shape[1] == (width or max(rows.shape[-1], 1))
        require(fits, f"{name} of shape {rows.shape}", f"one row each, of width {width or 'D'}", f"pass float32[n, {width or 'D'}]")
        require(bool(np.isfinite(rows).all()), f"NaN or infinity among the {name}", "vectors must be finite", "repair the encoder's output")
        return rows


class FlatIndex(FaissIndex[FlatSettings]):
    """Exact."""

    KIND, SETTINGS = "index_flat", FlatSettings

    def make(self, count: int, width: int) -> Any:
        return faiss.IndexFlatIP(width)

    def parameters(self, effort: int | None) -> Any:
        return None


class IVFPQIndex(FaissIndex[IVFPQSettings]):
    """Clusters, 4-bit codes, and a second look at the best candidates. Effort: clusters looked into."""

    KIND, SETTINGS = "index_ivfpq", IVFPQSettings

    def make(self, count: int, width: int) -> Any:
        part = self.settings.width_per_code
        require(width % part == 0, f"width_per_code={part}", f"it divides the vectors' width {width}", "choose a divisor")
        require(count >= 16, f"{count} vectors", "codes of 4 bits have 16 values, learnt from as many vectors", "use a FlatIndex")
        lists = min(self.settings.lists, max(1, count // 39))  # fewer a cluster teach it too little
        return faiss.index_factory(width, f"IVF{lists},PQ{width // part}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT)

    def parameters(self, effort: int | None) -> Any:
        inner = _faiss.SearchParametersIVF(nprobe=effort or self.settings.probes)
        return _faiss.IndexRefineSearchParameters(k_factor=self.settings.again, base_index_params=inner)


class HNSWIndex(FaissIndex[HNSWSettings]):
    """A graph of near neighbours in layers. Effort: candidates kept on the walk."""

    KIND, SETTINGS = "index_hnsw", HNSWSettings

    def make(self, count: int, width: int) -> Any:
        index = faiss.IndexHNSWFlat(width, self.settings.links, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = self.settings.build_effort
        return index

    def parameters(self, effort: int | None) -> Any:
        return _faiss.SearchParametersHNSW(efSearch=effort or self.settings.search_effort)
