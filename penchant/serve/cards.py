"""Items as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from penchant.data.popularity import TIERS
from penchant.items.item_space import ItemSpace


class Cards:
    """Looks up cards by item code.

    Args:
        space: The catalogue with codes and tiers.
    """

    def __init__(self, space: ItemSpace) -> None:
        self.space = space
        table = space.catalog.table
        shown = table.select("item_id", pl.coalesce("title", "item_id").alias("title"), "brand", "year", "description")
        self._table = shown.with_columns(space.catalog.readable_categories())

    def of(self, codes: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        """One card a code (see ``answers.Card``), in their order."""
        places = np.asarray(codes, np.int64)
        rows = self._table[places - 1].iter_rows(named=True)
        semantic, tiers = self.space.codes[places].tolist(), self.space.tiers[places].tolist()
        return [{**row, "codes": ids, "tier": TIERS[tier]} for row, ids, tier in zip(rows, semantic, tiers, strict=True)]

    def titles(self, codes: Sequence[int] | np.ndarray) -> list[str]:
        """Display names."""
        return self._table["title"][np.asarray(codes, np.int64) - 1].to_list()

    def ids(self, codes: Sequence[int] | np.ndarray) -> list[str]:
        """Item ids."""
        return self.space.catalog.items.decode(np.asarray(codes, np.int64))
