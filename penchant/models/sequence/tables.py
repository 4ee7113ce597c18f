"""Tables of item vectors that are made of something smaller, for networks that take an ``nn.Embedding``.

    PieceTable    the sum of the rows of an item's pieces; some items have rows of their own as well
    ContentTable  a projection of frozen content vectors

Letters: N items, P pieces, R rows, H items with rows of their own, W width, D dimensions of content vectors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.artifacts import Artifact, ArtifactWriter
from penchant.core.errors import require
from penchant.models.sequence.head import ItemHead
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.nn.transformer import init_normal
from penchant.objectives.softmax import Objective


class MadeTable(nn.Module, ABC):
    """N + 1 vectors, made anew at each look. Row 0, the start token, is always learnt on its own."""

    @property
    @abstractmethod
    def weight(self) -> Tensor:
        """[N + 1, W]."""

    @abstractmethod
    def parts(self) -> dict[str, np.ndarray]:
        """What it was built of, by the names of arguments."""

    def forward(self, items: Tensor) -> Tensor:
        """int64[...] -> [..., W]."""
        return F.embedding(items, self.weight)


class PieceTable(MadeTable):
    """The sum of the rows of an item's pieces.

    Args:
        pieces: int32[N + 1, P] below R, -1 for none; row 0 ignored.
        rows: R.
        width: W.
        heads: bool[N + 1], items to which a row of their own is added; None for no item.
    """

    def __init__(self, pieces: np.ndarray, rows: int, width: int, *, heads: np.ndarray | None = None) -> None:
        super().__init__()
        require(int(pieces.max(initial=-1)) < rows, f"rows={rows}", f"there is a piece {pieces.max(initial=-1)}", "pass more")
        heads = np.zeros(len(pieces), bool) if heads is None else heads
        require(len(heads) == len(pieces), f"{len(heads)} tiers", f"there are {len(pieces) - 1} items and padding", "pass one an item")
        self._parts = {"pieces": pieces, "rows": np.array(rows), "heads": heads}
        own = np.flatnonzero(np.concatenate([[True], heads[1:]]))
        self.table = nn.Embedding(rows + 1, width, padding_idx=rows)
        self.own = nn.Embedding(len(own), width)
        pieces = np.concatenate([np.full_like(pieces[:1], -1), pieces[1:]])
        self.register_buffer("pieces", torch.from_numpy(np.where(pieces < 0, rows, pieces).astype(np.int64)), persistent=False)
        self.register_buffer("which", torch.from_numpy(own), persistent=False)
        self.pieces: Tensor
        self.which: Tensor

    @property
    def weight(self) -> Tensor:
        """[N + 1, W]."""
        by_piece = F.embedding_bag(self.pieces, self.table.weight, mode="sum", padding_idx=self.table.padding_idx)
        return by_piece.index_add(0, self.which, self.own.weight)

    def parts(self) -> dict[str, np.ndarray]:
        """Pieces, rows and tiers."""
        return self._parts


class ContentTable(MadeTable):
    """A projection of frozen vectors.

    Args:
        vectors: float32[N + 1, D], row 0 ignored.
        width: W.
    """

    def __init__(self, vectors: np.ndarray, width: int) -> None:
        super().__init__()
        self.start = nn.Embedding(1, width)
        self.project = nn.Linear(vectors.shape[1], width, bias=False)
        self.register_buffer("vectors", torch.from_numpy(vectors), persistent=False)
        self.vectors: Tensor

    @property
    def weight(self) -> Tensor:
        """[N + 1, W]."""
        return torch.cat([self.start.weight, self.project(self.vectors[1:])])

    def parts(self) -> dict[str, np.ndarray]:
        """The vectors."""
        return {"vectors": self.vectors.numpy()}


class TabledSASRec(SASRec):
    """SASRec over a table that is made of something smaller.

    Args:
        table: N + 1 vectors of the network's width.
        settings: Shape of the network.
        objective: Next-item loss; the full softmax by default.
    """

    KIND = "tabled-sasrec"

    def __init__(self, table: MadeTable, settings: SASRecSettings | None = None, *, objective: Objective | None = None) -> None:
        super().__init__(0, settings, objective=objective)
        self.items = table  # type: ignore[assignment]
        self.num_items = len(table.weight) - 1
        init_normal(table)
        self.head = ItemHead(table, temperature=self.settings.temperature, objective=objective)  # type: ignore[arg-type]

    def write_parts(self, out: ArtifactWriter) -> None:
        """What the table is made of."""
        out.tensors("table", {name: torch.from_numpy(part) for name, part in self.items.parts().items()})  # type: ignore[operator]

    @classmethod
    def from_artifact(cls, saved: Artifact) -> Self:
        """Settings and what the table is made of, without weights."""
        settings = SASRecSettings.of({name: value for name, value in saved.manifest.settings.items() if name != "num_items"})
        parts = saved.arrays("table")
        if "vectors" in parts:
            return cls(ContentTable(parts["vectors"], settings.width), settings)
        return cls(PieceTable(parts["pieces"], int(parts["rows"]), settings.width, heads=parts["heads"]), settings)
