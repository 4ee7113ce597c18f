"""Validation: each rule on a known row, and nothing lost whatever comes in."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import DataError, SettingsError, StorageError
from penchant.data.dataset import Dataset
from penchant.data.quarantine import repeated
from penchant.data.validation import MALFORMED, Validated, ValidationSettings, validate

ANY = ValidationSettings(max_refused=1.0)
ITEMS = pl.DataFrame({"item_id": ["1", "2", "3"], "title": ["One", "Two", "Three"]})


def one_bad(**bad: Any) -> Validated:
    """Validate a good event and one that differs from it as given."""
    good: dict[str, Any] = {"user_id": "u", "item_id": "1", "timestamp": 100, "event": "view", "value": 1.0}
    rows = (good, {**good, "timestamp": 200, **bad})
    frame = pl.DataFrame({name: pl.Series([row[name] for row in rows], dtype=pl.Object) for name in good})
    return validate(frame, ITEMS, settings=ANY)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"user_id": None}, "user_id is empty"),
        ({"user_id": "  "}, "user_id is empty"),
        ({"item_id": ""}, "item_id is empty"),
        ({"user_id": "u\x00"}, "user_id holds a control character"),
        ({"user_id": object()}, "user_id cannot be read as a text"),
        ({"item_id": "4"}, "no such item in the catalogue"),
        ({"timestamp": "soon"}, "timestamp cannot be read as a time"),
        ({"timestamp": -1}, "timestamp is before 1970"),
        ({"timestamp": int(time.time()) + 90_000}, "timestamp is more than a day in the future"),
        ({"timestamp": 1_577_934_245_000}, "timestamp looks like milliseconds; seconds are needed"),
        ({"timestamp": 1_577_934_245_000_000}, "timestamp looks like microseconds; seconds are needed"),
        ({"timestamp": 1_577_934_245_000_000_000}, "timestamp looks like nanoseconds; seconds are needed"),
        ({"timestamp": None}, "no timestamp, while other events have one"),
        ({"timestamp": 100}, "the same event came earlier (equal user_id, item_id, timestamp, event, value)"),
        ({"value": float("nan")}, "the value is not a finite number"),
        ({"value": float("inf")}, "the value is not a finite number"),
        ({"value": 1e300}, "the value is not a finite number"),
        ({"value": "much"}, "value cannot be read as a number"),
    ],
)
def test_one_bad_event_is_refused_with_its_reason(bad: dict[str, Any], reason: str) -> None:
    result = one_bad(**bad)
    assert result.refused.select("table", "row", "reason").rows() == [("events", 1, reason)]
    assert result.events["timestamp"].to_list() == [100]
    record = json.loads(result.refused["record"][0])
    assert set(record) == {"user_id", "item_id", "timestamp", "event", "value"} and record["event"] == "view"


@pytest.mark.parametrize("other", [{"timestamp": 101}, {"value": None}, {"timestamp": 100, "value": 2.0}, {"timestamp": 100, "user_id": 7}])
def test_what_is_not_a_fault(other: dict[str, Any]) -> None:
    assert len(one_bad(**other).refused) == 0


def test_types_are_read_from_many_forms() -> None:
    day = datetime.datetime(2020, 1, 2, 3, 4, 5)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    moments = [day, day.replace(tzinfo=zone), day.date(), "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.250+02:00"]
    moments += ["2020-01-02 03:04", "2020-01-02", "1577934245", "1577934245.9"]
    expected = [1577934245, 1577927045, 1577923200, 1577934245, 1577927045, 1577934240, 1577923200, 1577934245, 1577934245]
    seen = []
    for moment in moments:
        frame = pl.DataFrame({"user_id": [7.0], "item_id": [1], "timestamp": [moment]})
        seen += validate(frame, ITEMS).events.rows()
    assert seen == [("7", "1", second) for second in expected]


def test_item_rules() -> None:
    items = pl.DataFrame(
        {
            "item_id": ["1", "2", "1", None, "a\tb", "3"],
            "title": ["One\x07!", " ", "again", "x", "x", "Three"],
            "price": ["1.5", "", "1", "1", "1", "nan"],
            "categories": ["a|b", "", "", "", "", '["c", "d"]'],
        }
    )
    events = pl.DataFrame({"user_id": ["u", "u", "u"], "item_id": ["1", "2", "3"]})
    result = validate(events, items, settings=ANY)
    assert result.items.rows() == [("1", "One !", ["a", "b"], 1.5), ("2", None, None, None)]
    assert result.refused.select("table", "row", "reason").rows() == [
        ("events", 2, "no such item in the catalogue"),
        ("items", 2, "an item of this id came earlier"),
        ("items", 3, "item_id is empty"),
        ("items", 4, "item_id holds a control character"),
        ("items", 5, "the price is not a finite number"),
    ]
    notes = {(row["table"], row["warning"]): (row["rows"], row["example"]) for row in result.warnings.to_dicts()}
    assert notes["items", "control characters in a text, replaced by spaces"] == (1, "1")
    assert notes["items", "no title, description or categories"] == (1, "2")


def test_without_items_the_catalogue_comes_from_the_events() -> None:
    events = pl.DataFrame({"user_id": ["u", "v", ""], "item_id": ["b", "a", "c"], "timestamp": [2, 3, 4]})
    result = validate(events, settings=ANY)
    assert result.items["item_id"].to_list() == ["a", "b"]
    assert result.rows_in == {"events": 3}


def test_repeats_without_times() -> None:
    events = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a"] * 3, "position": [0, 1, 1]})
    assert validate(events, settings=ANY).refused["row"].to_list() == [2]
    bare = validate(events.drop("position"), settings=ANY)
    assert len(bare.refused) == 0
    assert "the order of the rows is taken" in bare.warnings["warning"][0]


def test_mixed_times_are_judged_after_all_else() -> None:
    """A lone timestamp in a row that is refused anyway does not condemn the rest."""
    events = pl.DataFrame({"user_id": ["u", "u", ""], "item_id": ["a", "b", "c"], "timestamp": [None, None, 5]})
    result = validate(events, settings=ANY)
    assert result.refused["row"].to_list() == [2]


def test_notes_about_events() -> None:
    events = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [86_400, 172_800], "event": ["view", "ogle\x1b"]})
    warnings = validate(events).warnings["warning"].to_list()
    assert any("midnight" in warning for warning in warnings) and any("'other'" in warning for warning in warnings)
    assert "\x1b" not in validate(events).summary


def test_too_many_refusals_is_an_error_that_shows_the_way(tmp_path: Path) -> None:
    events = pl.DataFrame({"user_id": ["u"] * 20, "item_id": ["1"] * 18 + ["x", "y"], "timestamp": range(20)})
    with pytest.raises(DataError, match=r"2 of 20 rows refused .no such item in the catalogue: 2 .row 18: 'x'.*at most 5%") as error:
        validate(events, ITEMS, settings=ValidationSettings(quarantine=tmp_path / "q"))
    lines = (tmp_path / "q" / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == ["x", "y"] and str(tmp_path) in error.value.remedy
    assert len(validate(events, ITEMS, settings=ValidationSettings(max_refused=0.1)).events) == 18


def test_missing_columns_and_bad_settings() -> None:
    with pytest.raises(DataError, match=r"'user_id'.*columns: customer, item_id"):
        validate(pl.DataFrame({"customer": ["u"], "item_id": ["a"]}))
    with pytest.raises(DataError, match="'item_id'"):
        validate(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}), pl.DataFrame({"title": ["x"]}))
    with pytest.raises(SettingsError):
        ValidationSettings(max_refused=2)


def test_malformed_lines_and_extra_columns() -> None:
    events = pl.DataFrame({"user_id": ["u", None], "item_id": ["a", None], "mood": ["good", None], MALFORMED: [None, "u;a;b"]})
    result = validate(events, settings=ANY)
    assert result.refused.select("reason", "value").rows() == [("the line cannot be read", "u;a;b")]
    assert result.events.to_dicts() == [{"user_id": "u", "item_id": "a", "mood": "good"}]


def test_quarantine_on_a_refusing_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageError, OSError)):
        one_bad(user_id="").write_quarantine(tmp_path / "file" / "below")


def test_summary_counts() -> None:
    lines = one_bad(item_id="9").summary.splitlines()
    assert lines[1].split() == ["events", "2", "1", "1"] and lines[2].split() == ["items", "3", "3", "0"]
    assert lines[3] == "refused  events: no such item in the catalogue: 1 (row 1: '9')"


cells = st.one_of(
    st.none(), st.sampled_from(["1", "2", "", " ", "a\x00", "9", "NaN", "[1", "2020-01-01", -5, 10**12, 10**400, 3.5]), st.integers(-5, 50),
    st.floats(), st.text(max_size=3), st.booleans(), st.binary(max_size=2), st.lists(st.integers(), max_size=2), st.dates(), st.datetimes(),
)  # fmt: skip
names = ["user_id", "item_id", "timestamp", "position", "value", "event", "domain", "query", "other"]


@st.composite
def hostile(draw: st.DrawFn, needed: list[str], optional: list[str]) -> pl.DataFrame:
    columns = needed + draw(st.lists(st.sampled_from(optional), unique=True))
    height = draw(st.integers(0, 12))
    made = []
    for name in columns:
        kind = draw(st.sampled_from([cells, st.sampled_from(["1", "2", None]), st.integers(0, 3)]))
        values = draw(st.lists(kind, min_size=height, max_size=height))
        try:
            made.append(pl.Series(name, values, strict=draw(st.booleans())))
        except (TypeError, OverflowError, pl.exceptions.PolarsError):
            made.append(pl.Series(name, values, dtype=pl.Object))
    return pl.DataFrame(made)


@settings(max_examples=80, deadline=None)
@given(hostile(names[:2], names[2:]), st.none() | hostile(["item_id"], ["title", "categories", "price", "year", "created", "other"]))
def test_nothing_is_lost_and_what_is_accepted_can_be_indexed(events: pl.DataFrame, items: pl.DataFrame | None) -> None:
    result = validate(events, items, settings=ANY)
    for table, before, after in (("events", events, result.events), ("items", items, result.items)):
        if before is not None:
            refused = result.refused.filter(pl.col("table") == table)
            assert len(after) + len(refused) == len(before)
            assert refused["row"].is_sorted() and refused["row"].n_unique() == len(refused)
            assert refused["reason"].null_count() == 0
    assert result.events["item_id"].is_in(result.items["item_id"].implode()).all()
    assert result.items["item_id"].n_unique() == len(result.items)
    if "timestamp" in result.events.columns:
        assert result.events["timestamp"].null_count() in (0, len(result.events))
    again = validate(result.events, result.items, settings=ANY)
    assert len(again.refused) == 0  # what was accepted once is accepted again
    assert Dataset.build("hostile", result.events, result.items).histories.num_events == len(result.events)
    assert result.summary.startswith("table")


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 2), st.sampled_from([None, 0.0, 1.5])), max_size=30))
def test_repeated_marks_all_but_the_first(rows: list[tuple[str | None, int, float | None]]) -> None:
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.Int64, "c": pl.Float32}, orient="row")
    assert repeated(frame).tolist() == [row in rows[:place] for place, row in enumerate(rows)]


def test_a_clean_large_table_is_fast() -> None:
    size = 300_000
    random = np.random.default_rng(0)
    users, items = random.integers(1000, size=size), random.integers(500, size=size)
    events = pl.DataFrame({"user_id": users, "item_id": items, "timestamp": np.arange(size)})
    start = time.perf_counter()
    assert len(validate(events).events) == size
    assert time.perf_counter() - start < 5
