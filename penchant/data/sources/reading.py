"""Files to frames. A line that cannot be read is kept in the column ``MALFORMED``, so that validation can refuse it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl
from polars.exceptions import PolarsError

from penchant.core.errors import DataError, InputError, require
from penchant.data.validation import MALFORMED

#: Endings of table files, in the order in which they are looked for.
SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_DELIMITERS = ",\t;|"


def find_table(folder: Path, name: str) -> Path | None:
    """The file of the table ``name`` in a folder, by the first of ``SUFFIXES`` that is there."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{name}{suffix}").is_file()), None)


def read_table(path: Path) -> pl.DataFrame:
    """Read a Parquet, CSV, TSV or JSON-lines file, by its ending.

    Raises:
        DataError: The file is missing or cannot be read at all.
        InputError: The ending is not one of ``SUFFIXES``.
    """
    kind = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lower()
    require(
        kind in SUFFIXES, f"file={path.name!r}", "tables are Parquet, CSV or JSON lines", f"use one of the endings {', '.join(SUFFIXES)}"
    )
    if kind == ".parquet":
        with reading(path):
            return pl.read_parquet(path)
    return read_csv(path) if kind.startswith((".csv", ".tsv")) else read_jsonl(path)


def read_csv(
    path: Path,
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    quote: str | None = '"',
    names: Sequence[str] | None = None,
    types: Mapping[str, pl.DataType] | None = None,
) -> pl.DataFrame:
    """Read delimited text; gzip is recognised. All columns are texts, unless ``types`` fits the whole file.

    Args:
        path: The file.
        delimiter: One character; default: the one of ``, tab ; |`` that the first line holds most of.
        encoding: For example "latin-1".
        quote: The character around fields that hold the delimiter; None: there is none.
        names: Column names of a file without a header line.
        types: A faster way for large files whose types are known; where a cell does not fit, all are read as texts.

    Raises:
        DataError: The file is missing, empty, or not in this encoding.
    """
    with reading(path):
        with opened(path) as file:
            first = file.readline().decode(encoding).removeprefix("\ufeff")
        require(bool(first.strip()), f"file={path}", "a table begins with a line", "give a file that is not empty", DataError)
        delimiter = delimiter or max(_DELIMITERS, key=first.count)
        plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8")
        content = path if plain else _decoded(path, encoding).encode()
        how: dict[str, Any] = {"separator": delimiter, "has_header": names is None, "new_columns": names, "quote_char": quote}
        if types:
            try:
                return pl.read_csv(content, infer_schema=False, schema_overrides=dict(types), **how)
            except PolarsError:
                pass  # some cell is not of its type: as texts, it will be refused alone
        try:
            frame = pl.read_csv(content, infer_schema=False, **how)
        except PolarsError:
            return _csv_line_by_line(_decoded(path, encoding), delimiter, quote, names)
    return frame.rename(str.strip)


def read_jsonl(path: Path) -> pl.DataFrame:
    """Read one JSON object a line; gzip is recognised.

    Raises:
        DataError: The file is missing or not UTF-8.
    """
    with reading(path):
        try:
            with opened(path) as file:
                return pl.read_ndjson(file, infer_schema_length=None)
        except PolarsError:
            return frame_of_lines(_decoded(path, "utf-8").splitlines(), json.loads)


def frame_of_lines(lines: Iterable[str], parse: Any) -> pl.DataFrame:
    """A frame from lines that hold one mapping each; a line that ``parse`` refuses goes to the column ``MALFORMED``.

    Args:
        lines: Blank ones are skipped.
        parse: From a line to a mapping; raises ``ValueError``, ``SyntaxError`` or ``RecursionError`` when it cannot.
    """
    rows: list[dict[str, Any]] = []
    for line in lines:
        if line.strip():
            try:
                row = parse(line)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                row = None
            rows.append(row if isinstance(row, dict) else {MALFORMED: line})
    columns = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([series(name, [row.get(name) for row in rows]) for name in columns])


def series(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of whatever values, as Python objects where they have no common type."""
    try:
        return pl.Series(name, values, strict=False)
    except (TypeError, ValueError, OverflowError, PolarsError):
        return pl.Series(name, values, dtype=pl.Object)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the faults of a file into ``DataError``."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"file={path}: {error.reason} at byte {error.start}",
            f"it is not {error.encoding} text",
            "pass the right encoding, for example 'latin-1'",
        ) from None
    except LookupError as error:
        raise InputError(
            f"encoding of {path.name}: {error}", "Python must know the encoding", "pass for example 'utf-8' or 'latin-1'"
        ) from None
    except (OSError, EOFError, PolarsError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"file={path}", f"it cannot be read ({text})", "check the path and the file") from error


def opened(path: Path) -> BinaryIO:
    """The file's bytes, unpacked if it ends in ``.gz``."""
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _decoded(path: Path, encoding: str) -> str:
    with opened(path) as file:
        return file.read().decode(encoding).removeprefix("\ufeff")


def _csv_line_by_line(text: str, delimiter: str, quote: str | None, names: Sequence[str] | None) -> pl.DataFrame:
    """The slow way, for files with broken lines: each good line becomes a row, each bad one is kept as it was."""
    lines = io.StringIO(text, newline="").readlines()
    rows = _csv_rows(lines, delimiter, quote)
    header = list(names) if names is not None else [name.strip() for name in next(rows)[1] or []]
    table: list[list[str | None]] = []

    def add(raw: str, fields: list[str] | None) -> None:
        if fields is not None and len(fields) == len(header):
            table.append([*fields, None])
        elif raw.strip():
            table.append([*[None] * len(header), raw.rstrip("\r\n")])

    for raw, fields in rows:
        if len(raw) == 1 or (fields is not None and len(fields) == len(header)):
            add(raw[0], fields)
        else:  # perhaps a quote that never ends: do not lose the lines it swallowed
            for line in raw:
                add(line, next(_csv_rows([line], delimiter, quote))[1])
    return pl.DataFrame(table, schema=dict.fromkeys([*header, MALFORMED], pl.String()), orient="row")


def _csv_rows(lines: list[str], delimiter: str, quote: str | None) -> Iterator[tuple[list[str], list[str] | None]]:
    """Physical lines of each record, and its fields (None where it is not well formed)."""
    quoting = csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote or '"', quoting=quoting, strict=True)
    before = 0
    while before < len(lines):
        try:
            fields: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error:
            fields = None
        yield lines[before : reader.line_num], fields
        before = reader.line_num
