"""Files to frames: what is broken is kept, what is whole is read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.core.errors import DataError, InputError
from penchant.data.sources.reading import MALFORMED, find_table, frame_of_lines, read_csv, read_jsonl, read_table, series


def rows_of(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.rows()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [("1", "2")]),
        ("\ufeffa;b\n1;x,y\n", [("1", "x,y")]),
        ("a\tb\n1\t2", [("1", "2")]),
        ("a|b\n1|2\r\n", [("1", "2")]),
        ('a, b \n1,"x\ny"\n', [("1", "x\ny")]),
        ("a,b\n", []),
        ("a,b\n1,2,3\n4,5\n6\n", [(None, None, "1,2,3"), ("4", "5", None), (None, None, "6")]),
        ('a,b\n1,"x\n2,y\n3,z\n', [(None, None, '1,"x'), ("2", "y", None), ("3", "z", None)]),
        ('a,b\n1,2,3\n4,"u\nv"\n', [(None, None, "1,2,3"), ("4", "u\nv", None)]),
    ],
)
def test_csv(tmp_path: Path, text: str, rows: list[tuple[Any, ...]]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    frame = read_csv(path)
    assert frame.columns[:2] == ["a", "b"] and rows_of(frame) == rows
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert rows_of(read_csv(packed)) == rows


cell = st.text(st.characters(exclude_characters="\x00\ufeff", exclude_categories=("Cs",)), max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(cell, cell), max_size=6))
def test_csv_round_trip(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *rows])
    path = tmp_path / "r.csv"
    path.write_bytes(text.getvalue().encode())
    frame = read_csv(path)
    assert [tuple(value or "" for value in row[:2]) for row in rows_of(frame)] == rows
    assert MALFORMED not in frame.columns or frame[MALFORMED].null_count() == len(frame)


def test_csv_types_are_a_shortcut_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    assert read_csv(path, types={"a": pl.Int64()}).schema == {"a": pl.Int64, "b": pl.String}
    path.write_text("a,b\n1,2\nx,3\n")
    assert rows_of(read_csv(path, types={"a": pl.Int64()})) == [("1", "2"), ("x", "3")]


def test_encodings(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\nAmélie,1\n".encode("latin-1"))
    assert rows_of(read_csv(path, encoding="latin-1")) == [("Amélie", "1")]
    with pytest.raises(DataError, match="not utf-8 text; pass the right encoding"):
        read_csv(path)
    with pytest.raises(InputError, match="unknown encoding"):
        read_csv(path, encoding="klingon")


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "c": ["x"]}\n{"a": 2}\n\n')
    assert rows_of(read_jsonl(path)) == [(1, ["x"]), (2, None)]
    path.write_text('{"a": 1}\n{"a": "x"\n[3]\n{"a": "y"}\n')
    frame = read_jsonl(path)
    assert frame[MALFORMED].to_list() == [None, '{"a": "x"', "[3]", None] and frame["a"].to_list() == ["1", None, None, "y"]


def test_frame_of_lines_without_lines() -> None:
    assert frame_of_lines(["", "  "], json.loads).shape == (0, 0)


def test_series_of_anything() -> None:
    assert series("a", [1, 2.5, None]).to_list() == [1.0, 2.5, None]
    assert series("a", [1, [2], {"x": 1}]).to_list() == [1, [2], {"x": 1}]


def test_tables_by_ending(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": ["1"]})
    assert find_table(tmp_path, "t") is None
    frame.write_ndjson(tmp_path / "t.jsonl")
    assert find_table(tmp_path, "t") == tmp_path / "t.jsonl"
    frame.write_parquet(tmp_path / "t.parquet")
    assert find_table(tmp_path, "t") == tmp_path / "t.parquet"
    for path in (tmp_path / "t.jsonl", tmp_path / "t.parquet"):
        assert read_table(path).equals(frame)


@pytest.mark.parametrize("name", ["missing.csv", "missing.parquet", "empty.csv", "junk.parquet", "cut.csv.gz", "missing.jsonl"])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    if name == "cut.csv.gz":
        (tmp_path / name).write_bytes(gzip.compress(b"a,b\n" + bytes(range(48, 100)) * 999)[:60])
    elif not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"" if name.startswith("empty") else b"junk")
    with pytest.raises(DataError, match=name):
        read_table(tmp_path / name)


def test_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.parquet, \.csv"):
        read_table(tmp_path / "a.xlsx")
