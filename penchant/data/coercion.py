"""Columns of any type to the types of the schema: what cannot be read becomes null and is marked, never an exception.

Every function takes a column of n cells and returns (the column in the wanted type, bool[n]: cells that hold something
which cannot be of that type). A blank text counts as "nothing", so it becomes null without a mark.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import polars as pl
from polars.exceptions import PolarsError

Coerced = tuple[pl.Series, np.ndarray]

#: Ways to write a moment, after ``T`` became a space and the zone lost its colon. A text without a zone is UTC.
_MOMENTS = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M%z", "%Y-%m-%d %H:%M", "%Y-%m-%d")


def coerce(column: pl.Series, dtype: pl.DataType, *, seconds: bool = False) -> Coerced:
    """Read ``column`` as ``dtype``, a type of the schema; ``seconds`` also allows dates, which become UTC seconds."""
    reader: Callable[[pl.Series], Coerced]
    if seconds:
        reader = to_seconds
    elif isinstance(dtype, pl.List):
        reader = to_list
    elif dtype == pl.String:
        reader = to_text
    else:
        return to_number(column, dtype)
    return reader(column)


def to_text(column: pl.Series) -> Coerced:
    """As text. Whole numbers are written without a decimal point, however they were stored."""
    column, bad = _plain(column)
    if column.dtype == pl.String:
        return column, bad
    if column.dtype.is_float():
        whole = _whole(column, pl.Int64())
        text = whole.cast(pl.String).fill_null(column.fill_nan(None).cast(pl.String))
        return text, bad | _lost(column, text)
    if column.dtype.is_nested():
        return _nothing(column, pl.String())
    text = _cast(column, pl.String())
    return text, bad | _lost(column, text)


def to_number(column: pl.Series, dtype: pl.DataType) -> Coerced:
    """As a number. Texts are read as decimal numbers; for an integer type the number must be whole and in range.

    Numbers that are not finite stay as they are: whether they are allowed is a rule, not a type.
    """
    column, bad = _plain(column)
    if column.dtype == pl.String:
        column = _unblank(column)
        number = column.cast(dtype, strict=False)
        if dtype.is_integer() and _lost(column, number).any():
            number = number.fill_null(_whole(column.cast(pl.Float64, strict=False), dtype))
    elif column.dtype.is_float() and dtype.is_integer():
        number = _whole(column, dtype)
    elif column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        number = column.cast(dtype, strict=False)
    else:
        return _nothing(column, dtype)
    return number, bad | _lost(column, number)


def to_seconds(column: pl.Series) -> Coerced:
    """As whole UTC seconds (int64): from numbers (parts of a second are cut off), dates, and ISO 8601 texts."""
    column, bad = _plain(column)
    if column.dtype in (pl.Date, pl.Datetime):
        return column.dt.epoch("s"), bad
    if column.dtype == pl.String:
        column = _unblank(column)
        found = column.cast(pl.Int64, strict=False)
        if _lost(column, found).any():
            found = found.fill_null(_floored(column.cast(pl.Float64, strict=False)))
        if _lost(column, found).any():
            found = found.fill_null(_moments(column))
        return found, bad | _lost(column, found)
    if column.dtype.is_float():
        found = _floored(column)
    elif column.dtype.is_numeric() or column.dtype == pl.Null:
        found = column.cast(pl.Int64, strict=False)
    else:
        return _nothing(column, pl.Int64())
    return found, bad | _lost(column, found)


def to_list(column: pl.Series) -> Coerced:
    """As a list of texts: from lists, and from texts that are a JSON list or are parted by ``|``. Blank members go."""
    column, bad = _plain(column)
    wanted = pl.List(pl.String)
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    if column.dtype == pl.String:
        column = _unblank(column)
        if column.str.starts_with("[").any():
            found = _json_lists(column)
        else:
            found = column.str.split("|")
    elif column.dtype == pl.Null or (isinstance(column.dtype, pl.List) and not column.explode().dtype.is_nested()):
        found = _cast(column, wanted)
    else:
        return _nothing(column, wanted)
    members = found.explode(empty_as_null=True, keep_nulls=True)
    if members.null_count() or (members.str.strip_chars() == "").any():
        kept = pl.element().filter(pl.element().str.strip_chars() != "")
        found = found.list.eval(kept)
    return found, bad | _lost(column, found)


def _plain(column: pl.Series) -> Coerced:
    """Categories, bytes, decimals and Python objects as texts or floats; what is none of these is marked."""
    nothing = np.zeros(len(column), bool)
    if column.dtype == pl.Object:
        values = column.to_list()
        texts = [str(value) if isinstance(value, (str, int, float)) else None for value in values]
        plain = pl.Series(column.name, texts, dtype=pl.String)
        return plain, np.array([value is not None for value in values], bool) & plain.is_null().to_numpy()
    if column.dtype == pl.Binary:
        plain = pl.Series(column.name, [_decoded(value) for value in column.to_list()], dtype=pl.String)
        return plain, _lost(column, plain)
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return column.cast(pl.String), nothing
    if isinstance(column.dtype, pl.Decimal):
        return column.cast(pl.Float64), nothing
    return column, nothing


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _lost(before: pl.Series, after: pl.Series) -> np.ndarray:
    return (before.is_not_null() & after.is_null()).to_numpy()


def _nothing(column: pl.Series, dtype: pl.DataType) -> Coerced:
    """A column of a type that can never be read as ``dtype``: all null, and every cell with a value is marked."""
    return pl.Series(column.name, [None] * len(column), dtype=dtype), column.is_not_null().to_numpy()


def _cast(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    try:
        return column.cast(dtype, strict=False)
    except PolarsError:  # a pair of types that has no cast at all
        return pl.Series(column.name, [None] * len(column), dtype=dtype)


def _unblank(column: pl.Series) -> pl.Series:
    stripped = column.str.strip_chars()
    return stripped.set(stripped == "", None)


def _whole(numbers: pl.Series, dtype: pl.DataType) -> pl.Series:
    whole = numbers.cast(dtype, strict=False)
    return whole.set((whole.cast(pl.Float64) != numbers).fill_null(True), None)


def _floored(numbers: pl.Series) -> pl.Series:
    return numbers.floor().cast(pl.Int64, strict=False)


def _moments(texts: pl.Series) -> pl.Series:
    """Seconds of ISO 8601 texts, null where a text is not one."""
    one_way = texts.str.replace("T", " ", literal=True).str.replace(r"\s?[Zz]$", "+0000").str.replace(r"([+-]\d\d):?(\d\d)?$", "$1$2")
    one_way = one_way.str.replace(r"(:\d\d(?:\.\d+)?)\s?([+-]\d\d)$", "${1}${2}00")
    seconds = pl.Series(texts.name, [None] * len(texts), dtype=pl.Int64)
    for form in _MOMENTS:
        seconds = seconds.fill_null(one_way.str.to_datetime(form, strict=False, time_unit="us").dt.epoch("s"))
    return seconds


def _json_lists(texts: pl.Series) -> pl.Series:
    """Lists from JSON texts, or by ``|`` where a text does not start with a bracket; null where it is not a list of plain values."""

    def parsed(text: str | None) -> list[str] | None:
        if text is None or not text.startswith("["):
            return None if text is None else text.split("|")
        try:
            members = json.loads(text)
        except ValueError:
            return None
        plain = all(member is None or isinstance(member, (str, int, float)) for member in members)
        return [str(member) for member in members if member is not None] if plain else None

    distinct = texts.unique().drop_nulls()  # categories repeat, so there are far fewer texts than rows
    lists = pl.Series("list", [parsed(text) for text in distinct.to_list()], dtype=pl.List(pl.String))
    table = pl.DataFrame({"text": distinct, "list": lists})
    joined = pl.DataFrame({"text": texts}).join(table, on="text", how="left", maintain_order="left")
    return joined["list"].alias(texts.name)
