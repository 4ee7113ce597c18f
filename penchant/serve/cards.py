"""Items as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from penchant.data.popularity import TIERS
from penchant.items.item_space import ItemSpace

_KEPT = 20_000  # cards kept in memory; lists show the same few items again and again


class Cards:
    """Looks up cards by item code. May be called from several threads.

    Args:
        space: The catalogue with codes and tiers.
    """

    def __init__(self, space: ItemSpace) -> None:
        self.space = space
        table = space.catalog.table
        shown = table.select("item_id", pl.coalesce("title", "item_id").alias("title"), "brand", "year", "description")
        self._table = shown.with_columns(space.catalog.readable_categories())
        self._kept: dict[int, dict[str, Any]] = {}

    def of(self, codes: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        """One card a code (see ``answers.Card``), in their order. Cards are shared: copy one before changing it."""
        wanted = np.asarray(codes, np.int64).tolist()
        found = {code: self._kept.get(code) for code in wanted}
        missing = [code for code, card in found.items() if card is None]
        if missing:
            new = dict(zip(missing, self._look_up(np.array(missing)), strict=True))
            found.update(new)
            if len(self._kept) >= _KEPT:
                self._kept = {}
            self._kept.update(new)
        return [card for code in wanted if (card := found[code]) is not None]

    def titles(self, codes: Sequence[int] | np.ndarray) -> list[str]:
        """Display names."""
        return [card["title"] for card in self.of(codes)]

    def ids(self, codes: Sequence[int] | np.ndarray) -> list[str]:
        """Item ids."""
        return [card["item_id"] for card in self.of(codes)]

    def _look_up(self, codes: np.ndarray) -> list[dict[str, Any]]:
        rows = self._table[codes - 1].iter_rows(named=True)
        semantic, tiers = self.space.codes[codes].tolist(), self.space.tiers[codes].tolist()
        return [{**row, "codes": ids, "tier": TIERS[tier]} for row, ids, tier in zip(rows, semantic, tiers, strict=True)]
