"""Your own tables: the same data through every door gives the same data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from penchant.core.errors import DataError, InputError
from penchant.data.dataset import Dataset
from penchant.data.sources import from_csv, from_folder, from_frames
from penchant.data.validation import ValidationSettings

EVENTS = pl.DataFrame(
    {"user_id": ["u1", "u2", "u1", "u2"], "item_id": ["a", "b", "c", "a"], "timestamp": [30, 20, 10, 40], "event": "view"}
)
ITEMS = pl.DataFrame({"item_id": ["c", "b", "a"], "title": ["C", "B", "A"], "categories": [["x", "y"], [], ["x"]]})


def same(one: Dataset, other: Dataset) -> bool:
    return one.fingerprint == other.fingerprint and one.users.ids.equals(other.users.ids)


EXPECTED = from_frames(EVENTS, ITEMS).dataset


def test_expected_order() -> None:
    h = EXPECTED.histories
    assert [h.row(0).tolist(), h.row(1).tolist()] == [[1, 3], [2, 3]] and h.timed
    assert EXPECTED.name == "frames"


def test_folder_of_each_kind(tmp_path: Path) -> None:
    EVENTS.write_parquet(tmp_path / "events.parquet")
    ITEMS.write_ndjson(tmp_path / "items.jsonl")
    pl.DataFrame({"user_id": ["u1"], "age": [30]}).write_csv(tmp_path / "users.csv")
    loaded = from_folder(tmp_path, "mine")
    assert same(loaded.dataset, EXPECTED) and loaded.dataset.name == "mine"
    assert loaded.users is not None and loaded.users.rows() == [("u1", "30")]
    (tmp_path / "events.parquet").unlink()
    EVENTS.write_csv(tmp_path / "events.csv")
    assert same(from_folder(tmp_path).dataset, EXPECTED)


def test_csv_with_other_names_dates_and_lists(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(
        "customer;sku;item_id;date;what\nu1;a;7;1970-01-01T00:00:30Z;view\nu2;b;7;1970-01-01 00:00:20;view\n"
        "u1;c;7;10;view\nu2;a;7;1970-01-01T01:00:40+01:00;view\n"
    )
    (tmp_path / "products.csv").write_text('sku,name,tags\nc,C,x|y\nb,B,\na,A,"[""x""]"\n')
    columns = {"user_id": "customer", "item_id": "sku", "timestamp": "date", "event": "what", "title": "name", "categories": "tags"}
    loaded = from_csv(tmp_path / "orders.csv", tmp_path / "products.csv", columns=columns)
    assert same(loaded.dataset, EXPECTED) and loaded.dataset.name == "orders"
    assert loaded.dataset.events["item_id_given"].unique().to_list() == ["7"]
    own = from_csv(
        tmp_path / "orders.csv",
        tmp_path / "products.csv",
        columns={k: columns[k] for k in list(columns)[:4]},
        item_columns={"item_id": "sku"},
    )
    assert own.dataset.catalog.titles() == ["c", "b", "a"]


def test_csv_alone_makes_its_own_catalogue(tmp_path: Path) -> None:
    EVENTS.write_csv(tmp_path / "e.csv")
    dataset = from_csv(tmp_path / "e.csv").dataset
    assert dataset.catalog.items.ids.to_list() == ["a", "b", "c"]


def test_broken_lines_are_refused_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,b\nu,c,3,4\n,d,5\nu,e,soon\nu,f,6\n")
    loaded = from_csv(tmp_path / "e.csv", settings=ValidationSettings(max_refused=1))
    assert loaded.dataset.catalog.items.ids.to_list() == ["a", "f"]
    assert loaded.validated.refused["reason"].to_list() == [
        "the line cannot be read",
        "the line cannot be read",
        "user_id is empty",
        "timestamp cannot be read as a time",
    ]
    with pytest.raises(DataError, match="4 of 6 rows refused"):
        from_csv(tmp_path / "e.csv")


@pytest.mark.parametrize(
    "frames",
    [
        (EVENTS.lazy(), ITEMS),
        (EVENTS.to_pandas(), ITEMS.to_pandas()),
        (EVENTS.to_arrow(), ITEMS.to_arrow()),
        (EVENTS.to_dict(as_series=False), {name: column.to_list() for name, column in zip(ITEMS.columns, ITEMS, strict=True)}),
        ({name: np.array(column.to_list()) for name, column in zip(EVENTS.columns, EVENTS, strict=True)}, ITEMS),
    ],
    ids=["lazy", "pandas", "arrow", "lists", "numpy"],
)
def test_frames_of_each_kind(frames: tuple[Any, Any]) -> None:
    assert same(from_frames(*frames).dataset, EXPECTED)


def test_pandas_with_gaps_and_mixed_cells() -> None:
    events = pd.DataFrame(
        {
            "user_id": ["u", 1, None, "w"],
            "item_id": [1, 2, 3, np.nan],
            "timestamp": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", None]),
        }
    )
    loaded = from_frames(events, settings=ValidationSettings(max_refused=1))
    assert loaded.validated.events.select("user_id", "item_id").rows() == [("u", "1"), ("1", "2")]
    assert loaded.validated.refused["reason"].to_list() == ["user_id is empty", "item_id is empty"]


def test_the_columns_of_indexing_do_not_collide() -> None:
    clash = EVENTS.with_columns(user=pl.lit("x"), item=pl.lit(1), time=pl.lit(2), source_row=pl.lit(3))
    dataset = from_frames(clash, ITEMS).dataset
    assert same(dataset, EXPECTED) and dataset.events["user_given"].unique().to_list() == ["x"]


def test_domains_without_an_items_table_come_from_the_events() -> None:
    dataset = from_frames(EVENTS.with_columns(domain=pl.lit("shop"))).dataset
    assert dataset.catalog.domains == ("", "shop") and dataset.histories.domains.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda path: from_folder(path / "no"), DataError, "a data set is a folder"),
        (from_folder, DataError, "no events table"),
        (lambda path: from_frames([1, 2]), InputError, "type list"),
        (lambda path: from_frames({"user_id": ["a"], "item_id": []}), InputError, "different lengths"),
        (lambda path: from_frames(EVENTS, columns={"user": "user_id"}), InputError, "no such column in the schema"),
        (lambda path: from_frames(EVENTS, columns={"user_id": "who"}), InputError, "user_id, item_id, timestamp, event"),
        (lambda path: from_frames(EVENTS.clear()), DataError, "0 events accepted"),
        (lambda path: from_csv(path / "no.csv"), DataError, "no.csv"),
    ],
)
def test_bad_calls(tmp_path: Path, call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(tmp_path)
