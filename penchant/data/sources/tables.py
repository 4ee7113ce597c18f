"""Your own tables: a folder, CSV files, or data frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from penchant.core.errors import DataError, InputError, require
from penchant.data.schema import EVENTS, ITEMS
from penchant.data.sources.loaded import Loaded, loaded
from penchant.data.sources.reading import find_table, read_csv, read_table, series
from penchant.data.validation import ValidationSettings


def from_folder(path: str | Path, name: str | None = None, *, settings: ValidationSettings | None = None) -> Loaded:
    """Read a folder with ``events``, and if there are any ``items`` and ``users``, as Parquet, CSV or JSON lines.

    Columns have the names of ``penchant.data.schema``. Without an items file the catalogue is made of the events' ids.

    Raises:
        DataError: There is no events file, a file cannot be read, or validation fails.
    """
    folder = Path(path)
    require(folder.is_dir(), f"path={folder}", "a data set is a folder", "pass a folder with events.parquet and items.parquet", DataError)
    events = find_table(folder, "events")
    if events is None:
        raise DataError(f"path={folder}", "there is no events table in it", "add events.parquet, events.csv or events.jsonl")
    items, users = find_table(folder, "items"), find_table(folder, "users")
    return loaded(
        name or folder.resolve().name,
        read_table(events),
        read_table(items) if items else None,
        users=read_table(users) if users else None,
        settings=settings,
    )


def from_csv(
    events: str | Path,
    items: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    item_columns: Mapping[str, str] | None = None,
    name: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    settings: ValidationSettings | None = None,
) -> Loaded:
    """Read one or two CSV files.

    Times may be UTC seconds or ISO 8601 dates (UTC where they name no zone); lists are parted by ``|`` or are JSON.

    Args:
        events: The event log.
        items: The catalogue; without it, it is made of the events' ids.
        columns: From canonical names to the file's, e.g. ``{"user_id": "customer", "item_id": "sku", "timestamp": "date"}``.
            Columns that have canonical names already need no entry.
        item_columns: The same for ``items``; default: those entries of ``columns`` that fit it.
        name: For reports; default: the name of the events file.
        delimiter: One character; default: guessed from the first line.
        encoding: For example "latin-1".
        settings: Of the validation.

    Raises:
        InputError: ``columns`` has a canonical name that does not exist, or names a column that no file has.
        DataError: A file cannot be read, or validation fails.
    """
    events = Path(events)
    log = read_csv(events, delimiter=delimiter, encoding=encoding)
    catalogue = read_csv(Path(items), delimiter=delimiter, encoding=encoding) if items is not None else None
    return _mapped(name or events.name.split(".")[0], log, catalogue, columns or {}, item_columns, settings)


def from_frames(
    events: Any,
    items: Any = None,
    *,
    name: str = "frames",
    columns: Mapping[str, str] | None = None,
    item_columns: Mapping[str, str] | None = None,
    settings: ValidationSettings | None = None,
) -> Loaded:
    """Take data frames: polars (lazy too), pandas, anything that speaks Arrow, or a mapping from names to lists.

    ``columns`` and ``item_columns`` are those of ``from_csv``.

    Raises:
        InputError: Something is not a table, or ``columns`` does not fit.
        DataError: Validation fails.
    """
    catalogue = _frame(items, "items") if items is not None else None
    return _mapped(name, _frame(events, "events"), catalogue, columns or {}, item_columns, settings)


def _mapped(
    name: str,
    events: pl.DataFrame,
    items: pl.DataFrame | None,
    columns: Mapping[str, str],
    item_columns: Mapping[str, str] | None,
    settings: ValidationSettings | None,
) -> Loaded:
    known = [*EVENTS, *(name for name in ITEMS if name not in EVENTS)]
    for canonical, given in {**columns, **(item_columns or {})}.items():
        require(canonical in known, f"columns[{canonical!r}]", "there is no such column in the schema", f"use one of: {', '.join(known)}")
        there = [*events.columns, *(items.columns if items is not None else ())]
        require(
            given in there, f"columns[{canonical!r}]={given!r}", "no table has a column of that name", f"use one of: {', '.join(there)}"
        )
    log = _renamed(events, {canonical: given for canonical, given in columns.items() if canonical in EVENTS})
    if items is not None:
        fitting = columns if item_columns is None else item_columns
        items = _renamed(items, {canonical: given for canonical, given in fitting.items() if canonical in ITEMS})
    return loaded(name, log, items, settings=settings)


def _renamed(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """Give columns their canonical names; another column that bears such a name moves aside to ``<name>_given``."""
    present = {given: canonical for canonical, given in columns.items() if given in frame.columns and given != canonical}
    aside = {canonical: f"{canonical}_given" for canonical in present.values() if canonical in frame.columns and canonical not in present}
    return frame.rename({**aside, **present})


def _frame(table: Any, what: str) -> pl.DataFrame:
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, Mapping):
        lists = {str(name): list(values) for name, values in table.items()}
        require(
            len({len(values) for values in lists.values()}) <= 1,
            f"{what} with lists of different lengths",
            "a table has one value a row",
            "pass lists of equal lengths",
        )
        return pl.DataFrame([series(name, values) for name, values in lists.items()])
    if type(table).__module__.split(".")[0] == "pandas":  # not imported: whoever passes such a frame has it
        return pl.DataFrame([_from_pandas(str(name), table[name]) for name in table.columns])
    if hasattr(table, "__arrow_c_stream__"):
        return pl.DataFrame(table)
    raise InputError(
        f"{what} of type {type(table).__name__}", "a table is needed", "pass a polars or pandas frame, or a mapping from names to lists"
    )


def _from_pandas(name: str, column: Any) -> pl.Series:
    """A pandas column, NaN as null; mixed Python objects stay objects, for validation to judge cell by cell."""
    try:
        return pl.Series(name, pl.from_pandas(column))
    except Exception:  # pyarrow has many errors, and importing it only to name them would make it needed
        return series(name, column.astype(object).where(column.notna(), None).tolist())
