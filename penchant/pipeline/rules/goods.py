"""What rules ask of a catalogue: which items are meant, by which key they count, how popular and how alike they are.

Letters: N items, C candidates, D vector width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
import polars as pl

from penchant.core.errors import InputError, require
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.pipeline.rules.terms import Range, Where

_NEWEST = 10  # distinct items of a history that say what somebody is near to
_LOOKED_AT = 256  # most popular items among which those near to a history are looked for
_LISTS = {"items": "item_id", "brands": "brand", "domains": "domain"}


class Goods:
    """N items as rules see them.

    Args:
        catalog: N items.
        vectors: float32[N + 1, D], of what items are; None: nobody knows which are alike.
        events: int64[N + 1], training events; None: nobody knows.
    """

    def __init__(self, catalog: Catalog, *, vectors: np.ndarray | None = None, events: np.ndarray | None = None) -> None:
        self.catalog, self.vectors = catalog, vectors
        self.events = np.zeros(len(catalog) + 1, np.int64) if events is None else events
        self._keys: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.catalog)

    @cached_property
    def popular(self) -> np.ndarray:
        """int32[N], all items, those with the most training events first."""
        return (np.argsort(-self.events[1:], kind="stable") + 1).astype(np.int32)

    @cached_property
    def created(self) -> np.ndarray:
        """float64[N + 1], UTC seconds; NaN where nobody knows."""
        return self._numbers("created")

    def by_popularity(self, items: np.ndarray) -> np.ndarray:
        """The same items, those with the most training events first; of equal ones the smaller code."""
        items = np.sort(items)
        return items[np.argsort(-self.events[items], kind="stable")]

    def mask(self, where: Where) -> np.ndarray:
        """bool[N + 1], the items that are meant. Names that the catalogue does not have match nothing, see ``unknown``.

        Raises:
            InputError: A column is not there, or not of values like these.
        """
        found = np.ones(len(self) + 1, bool)
        found[0] = False
        for field in where.model_fields_set:
            value = getattr(where, field)
            if value == type(where).model_fields[field].default:
                continue
            if isinstance(value, Range):
                numbers = self.events if field == "events" else self._numbers(field)
                found &= _within(numbers, value)
            elif field == "attributes":
                for column, values in value.items():
                    found &= self._any_of(column, values)
            else:
                found &= self._named(field, value)
        return found

    def unknown(self, where: Where) -> list[str]:
        """Names that the catalogue does not have, such as ``"brands: Acme"``."""
        fields = ("items", "categories", "brands", "domains")
        return [f"{field}: {name}" for field in fields for name in getattr(where, field) if not len(self.named(field, name))]

    def named(self, field: str, name: str) -> np.ndarray:
        """int32[m], items of a name, the most popular first: ``field`` is ``items``, ``categories``, ``brands`` or ``domains``."""
        if field == "items":
            return self.catalog.items.encode([name]) if name in self.catalog.items else np.zeros(0, np.int32)
        return self._named_items[field].get(name, np.zeros(0, np.int32))

    def kin(self, item: int) -> np.ndarray:
        """int32[m], the item and those of its narrowest category, the most popular first."""
        named = self.catalog.table["categories"][item - 1]
        same = self.named("categories", named[-1]) if named is not None and len(named) else np.zeros(0, np.int32)
        return np.concatenate([np.array([item], np.int32), same])

    def keys(self, by: str) -> np.ndarray:
        """int32[N + 1], what items are counted by (see ``Spacing.by``); 0 is "nothing".

        Raises:
            InputError: There is no such column, or it holds lists.
        """
        if by not in self._keys:
            named: dict[object, int] = {"": 0, None: 0}
            codes = [named.setdefault(value, len(named)) for value in self._labels(by)]
            self._keys[by] = np.array([0, *codes], np.int32)
        return self._keys[by]

    def nearest(self, items: np.ndarray, history: Histories, most: int) -> np.ndarray:
        """Of ``items`` (the most popular first) the ``most`` that are most like what somebody did last; else the most popular."""
        if not most or not len(items):
            return items[:0]
        looked = items[: max(_LOOKED_AT, most)]
        if self.vectors is None or not history.num_events or len(looked) <= most:
            return looked[:most]
        person = self.unit(newest_items(history.items, _NEWEST)).mean(axis=0)
        return looked[np.argsort(-self._cosines(looked, person), kind="stable")[:most]]

    def likeness(self, item: int, items: np.ndarray) -> np.ndarray:
        """float32[C], cosines of items with one item, 0 where they are below; where nobody knows, 1 for the item itself."""
        if self.vectors is None:
            return (items == item).astype(np.float32)
        return np.maximum(self._cosines(items, self.unit(np.array([item]))[0]), 0.0)

    def unit(self, items: np.ndarray) -> np.ndarray:
        """float32[C, D], vectors of length 1, or 0 where an item has none.

        Raises:
            InputError: There are no vectors.
        """
        if self.vectors is None:
            raise InputError("no vectors", "nobody knows which items are alike", "give the vectors of the item space")
        rows = self.vectors[items].astype(np.float32, copy=False)
        return rows * self._scale[items][:, None]

    def _cosines(self, items: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """float32[C], up to the length of the direction."""
        assert self.vectors is not None
        return (self.vectors[items] @ direction) * self._scale[items]

    @cached_property
    def _scale(self) -> np.ndarray:
        assert self.vectors is not None
        lengths = np.sqrt(np.einsum("nd,nd->n", self.vectors, self.vectors, dtype=np.float64))
        return np.where(lengths > 0, 1 / np.maximum(lengths, 1e-12), 0).astype(np.float32)

    @cached_property
    def _named_items(self) -> dict[str, dict[str, np.ndarray]]:
        table = self.catalog.table.with_row_index("code", offset=1).with_columns(pl.col("code").cast(pl.Int32))[self.popular - 1]
        lists = pl.concat_list(pl.col("categories").fill_null([]), pl.col("category_names").fill_null([])).alias("name")
        every = {"categories": table.select("code", lists).explode("name").unique(maintain_order=True)}
        every |= {field: table.select("code", pl.col(column).alias("name")) for field, column in _LISTS.items() if field != "items"}
        return {field: _groups(rows.drop_nulls()) for field, rows in every.items()}

    def _named(self, field: str, names: Iterable[str]) -> np.ndarray:
        if field == "items":
            codes = [self.catalog.items.encode(list(names))]
        else:
            codes = [self.named(field, name) for name in names]
        found = np.zeros(len(self) + 1, bool)
        found[np.concatenate([np.zeros(0, np.int32), *codes])] = True
        found[0] = False
        return found

    def _numbers(self, column: str) -> np.ndarray:
        return np.concatenate([[np.nan], self.catalog.table[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()])

    def _any_of(self, column: str, values: Sequence[str | bool | int | float]) -> np.ndarray:
        series = self._column(column)
        try:
            if isinstance(series.dtype, pl.List):
                inside = pl.DataFrame({"code": np.arange(len(series)), "value": series}).explode("value")
                found = np.zeros(len(series), bool)
                found[inside.filter(pl.col("value").is_in(list(values)))["code"].to_numpy()] = True
            else:
                found = series.is_in(list(values)).fill_null(False).to_numpy()
        except (pl.exceptions.PolarsError, TypeError) as error:
            raise InputError(
                f"attributes: {column}", f"it holds {series.dtype}, not values like {values[0]!r}", "pass values as the column has them"
            ) from error
        return np.concatenate([[False], found])

    def _labels(self, by: str) -> list[object]:
        first = [names[0] if len(names) else "" for names in self.catalog.readable_categories().to_list()]
        if by == "category":
            return list(first)
        if by == "brand or category":
            return [brand or name for brand, name in zip(self.catalog.table["brand"].to_list(), first, strict=True)]
        series = self._column(by)
        require(not series.dtype.is_nested(), f"by={by!r}", f"it holds {series.dtype}, several values an item", "pass another column")
        return series.to_list()

    def _column(self, name: str) -> pl.Series:
        columns = self.catalog.table.columns
        require(name in columns, f"column {name!r}", "the catalogue has no such column", f"pass one of {', '.join(columns)}")
        return self.catalog.table[name]


def _within(numbers: np.ndarray, span: Range) -> np.ndarray:
    low = -np.inf if span.least is None else span.least
    high = np.inf if span.most is None else span.most
    return (numbers >= low) & (numbers <= high)


def _groups(rows: pl.DataFrame) -> dict[str, np.ndarray]:
    """Codes by name."""
    grouped = rows.group_by("name", maintain_order=True).agg("code")
    return {name: np.array(codes, np.int32) for name, codes in zip(grouped["name"].to_list(), grouped["code"].to_list(), strict=True)}
