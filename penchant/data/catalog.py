"""The catalogue: one row an item, in code order (row j holds item j + 1)."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from penchant.data.schema import ITEMS
from penchant.data.vocabulary import Vocabulary


class Catalog:
    """N items with their attributes.

    Args:
        table: The canonical item columns (missing ones are added as nulls); any others are kept.
    """

    def __init__(self, table: pl.DataFrame) -> None:
        known = [
            pl.col(name).cast(dtype) if name in table.columns else pl.lit(None, dtype=dtype).alias(name) for name, dtype in ITEMS.items()
        ]
        extra = [pl.col(name) for name in table.columns if name not in ITEMS]
        self.table = table.select(known + extra)

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def items(self) -> Vocabulary:
        """Item ids and their codes."""
        return Vocabulary(self.table["item_id"])

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """Domain names; code 0 is "none"."""
        return ("", *sorted(self.table["domain"].drop_nulls().unique().to_list()))

    @cached_property
    def domain_codes(self) -> np.ndarray:
        """int16[N + 1], each item's domain; index 0 is padding."""
        codes = {name: code for code, name in enumerate(self.domains)}
        column = self.table["domain"].fill_null("").replace_strict(codes, return_dtype=pl.Int16)
        return np.concatenate([np.zeros(1, np.int16), column.to_numpy()])

    def item(self, code: int) -> dict[str, Any]:
        """All attributes of item ``code`` in 1..N."""
        return self.table.row(code - 1, named=True)

    def readable_categories(self) -> pl.Series:
        """list[str] an item: ``category_names`` where present, else ``categories``; never null."""
        return self.table.select(
            pl.when(pl.col("category_names").list.len().fill_null(0) > 0)
            .then(pl.col("category_names"))
            .otherwise(pl.col("categories"))
            .fill_null([])
            .alias("categories")
        )["categories"]

    def titles(self) -> list[str]:
        """A display name an item: its title, else its id."""
        return self.table.select(pl.coalesce("title", "item_id"))["title"].to_list()

    def texts(self) -> list[str]:
        """One line an item for text encoders: title, brand, categories, description, year, whatever it has."""
        parts = self.table.with_columns(shown=self.readable_categories().list.join(", ")).select(
            pl.concat_str(
                [
                    pl.col("title"),
                    pl.col("brand"),
                    pl.when(pl.col("shown") != "").then(pl.col("shown")),
                    pl.col("description"),
                    pl.col("year").cast(pl.String),
                ],
                separator=". ",
                ignore_nulls=True,
            ).alias("text")
        )
        return parts["text"].fill_null("").to_list()
