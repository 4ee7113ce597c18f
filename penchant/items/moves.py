"""Which codes changed from one version of a code book to the next, and how codes stored elsewhere follow.

Letters: N items, L levels of a code, m items that moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require


@dataclass(frozen=True)
class Moves:
    """Which items got other codes from one version of a code book to the next.

    Attributes:
        items: m item ids.
        old: int32[m, L], the codes they had.
        new: int32[m, L], those they have.
        gain: float64[m], by how much the squared error of each (at unit length) falls under the new book.
        total: N, items that could have moved.
        before: ``ItemSpace.code_version`` of the old codes.
        after: Of the new ones.
    """

    KIND = "code-moves"

    items: list[str]
    old: np.ndarray
    new: np.ndarray
    gain: np.ndarray
    total: int
    before: str
    after: str

    @property
    def share(self) -> float:
        """Of the items, m / N."""
        return len(self.items) / self.total

    def table(self) -> pl.DataFrame:
        """``item_id``, ``old``, ``new`` (lists of L codes) and ``gain``, the largest gain first."""
        columns = {"item_id": pl.Series(self.items, dtype=pl.String), "old": self.old.tolist(), "new": self.new.tolist(), "gain": self.gain}
        return pl.DataFrame(columns, schema_overrides={"old": pl.List(pl.Int32), "new": pl.List(pl.Int32)})

    def remap(self, codes: np.ndarray) -> np.ndarray:
        """Rewrite codes that are stored elsewhere, such as histories in codes.

        Codes that did not move stay, padding too. No new code is an old one of another item, so doing it twice changes nothing.

        Args:
            codes: int[..., L], whole codes of version ``before``.

        Returns:
            The same of version ``after``.

        Raises:
            InputError: The codes have another number of levels.
        """
        codes = np.asarray(codes)
        levels = self.old.shape[1]
        fits = codes.ndim >= 1 and codes.shape[-1] == levels
        require(fits, f"codes of shape {codes.shape}", f"whole codes have {levels} levels", f"pass int[..., {levels}]")
        flat = codes.reshape(-1, levels)
        names = [f"level_{level}" for level in range(levels)]
        stored = pl.DataFrame(flat.astype(np.int64), schema=names)
        moved = pl.DataFrame(self.old.astype(np.int64), schema=names).with_row_index("move")
        move = stored.join(moved, on=names, how="left", maintain_order="left")["move"]
        found = move.is_not_null().to_numpy()
        out = flat.copy()
        out[found] = self.new[move.drop_nulls().to_numpy()]
        return out.reshape(codes.shape)

    def save(self, folder: Path) -> None:
        """Write an artifact: the table, and between which versions it leads."""
        settings = {"before": self.before, "after": self.after, "items": self.total}
        with write_artifact(folder, kind=self.KIND, settings=settings) as out:
            out.table("moves", self.table())
            out.tensors("codes", {"old": self.old, "new": self.new})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ArtifactError: The folder is not such an artifact, or was altered.
        """
        artifact = read_artifact(folder, kind=cls.KIND)
        table, codes, settings = artifact.table("moves"), artifact.arrays("codes"), artifact.manifest.settings
        return cls(
            table["item_id"].to_list(),
            codes["old"],
            codes["new"],
            table["gain"].to_numpy(),
            settings["items"],
            settings["before"],
            settings["after"],
        )
