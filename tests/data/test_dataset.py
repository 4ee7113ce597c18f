"""Dataset: indexing against a slow reference, stable ties, domains, and histories made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError, UnknownIdError
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset, history_of
from penchant.data.schema import ACTION_CODE, EVENTS, action_code

ITEMS = pl.DataFrame({"item_id": ["z", "y", "x"], "domain": ["shop", None, "attic"], "title": ["Zed", None, "Ex"]})

event = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u2", "u1", "u10"]),
        "item_id": st.sampled_from(["x", "y", "z", "gone"]),
        "timestamp": st.none() | st.integers(0, 4) | st.integers(-(2**62), 2**62),
        "position": st.none() | st.integers(0, 3),
        "event": st.sampled_from([None, "view", "purchase", "sniff"]),
        "domain": st.sampled_from([None, "shop", "cellar"]),
    }
)
tables = st.lists(event, max_size=25) | st.lists(event.map(lambda row: {**row, "timestamp": None}), max_size=25)
tables |= st.lists(event.map(lambda row: {**row, "timestamp": (row["timestamp"] or 0) % 5}), max_size=25)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: EVENTS[name] for name in ("user_id", "item_id", "timestamp", "position", "event", "domain")})


def last(value: int | None) -> tuple[bool, int]:
    return value is None, value or 0


@settings(max_examples=120, deadline=None)
@given(tables)
def test_indexing_equals_the_slow_way(rows: list[dict[str, Any]]) -> None:
    dataset = Dataset.build("made", frame(rows), ITEMS)
    users = sorted({row["user_id"] for row in rows})
    assert dataset.users.ids.to_list() == users and dataset.num_items == 3
    timed = bool(rows) and all(row["timestamp"] is not None for row in rows)
    assert dataset.timed == timed == dataset.histories.timed
    h = dataset.histories
    assert len(h) == len(users) and h.users.tolist() == list(range(1, len(users) + 1))
    for r, user in enumerate(users):
        mine = [(row, n) for n, row in enumerate(rows) if row["user_id"] == user and row["item_id"] != "gone"]
        mine.sort(key=lambda pair: (last(pair[0]["timestamp"]), last(pair[0]["position"]), pair[1]))
        part = slice(int(h.offsets[r]), int(h.offsets[r + 1]))
        assert h.items[part].tolist() == ["zyx".index(row["item_id"]) + 1 for row, _ in mine]
        assert h.times[part].tolist() == ([row["timestamp"] for row, _ in mine] if timed else list(range(len(mine))))
        assert h.actions[part].tolist() == [action_code(row["event"]) for row, _ in mine]
        of_item = {"z": 2, "y": 0, "x": 1}  # domains are numbered by name: attic, shop
        assert h.domains[part].tolist() == [2 if row["domain"] == "shop" else of_item[row["item_id"]] for row, _ in mine]
        assert dataset.events["source_row"][part].to_list() == [n for _, n in mine]


def test_equal_times_keep_position_then_row() -> None:
    events = pl.DataFrame(
        {"user_id": ["u"] * 4, "item_id": ["x", "y", "z", "x"], "timestamp": [7, 7, 7, 7], "position": [2, None, 1, None]}
    )
    assert Dataset.build("ties", events, ITEMS).histories.row(0).tolist() == [1, 3, 2, 3]
    assert Dataset.build("ties", events.drop("position"), ITEMS).histories.row(0).tolist() == [3, 2, 1, 3]


def test_extreme_times_are_ordered_too() -> None:
    events = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["x", "y", "z"], "timestamp": [2**62, -(2**62), 0]})
    assert Dataset.build("far", events, ITEMS).histories.items.tolist() == [2, 3, 1]


def test_columns_of_the_source_stay() -> None:
    events = pl.DataFrame({"user_id": ["u"], "item_id": ["x"], "time": ["noon"], "mood": ["good"]})
    dataset = Dataset.build("extra", events, ITEMS)
    assert dataset.events.select("time_given", "mood", "time").row(0) == ("noon", "good", 0)


def test_fingerprint_and_summary() -> None:
    events = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["x", "y", "x"], "timestamp": [1, 2, 3]})
    dataset = Dataset.build("a", events, ITEMS)
    assert dataset.fingerprint == Dataset.build("b", events, ITEMS).fingerprint
    for changed in (events.with_columns(timestamp=pl.col("timestamp") + 1), events.with_columns(event=pl.lit("view")), events.head(2)):
        assert Dataset.build("a", changed, ITEMS).fingerprint != dataset.fingerprint
    assert Dataset.build("a", events, ITEMS.with_columns(title=pl.lit("new"))).fingerprint != dataset.fingerprint
    summary = dataset.summary()
    assert (summary["users"], summary["items"], summary["items_with_events"], summary["events"], summary["density"]) == (2, 3, 2, 3, 0.75)


def test_history_of_what_somebody_did() -> None:
    catalog = Catalog(ITEMS)
    plain = history_of(catalog, ["x", "z", "x"], user=4)
    assert plain.row(0).tolist() == [3, 1, 3] and not plain.timed and plain.users.tolist() == [4] and plain.domains.tolist() == [1, 2, 1]
    given = [{"item_id": "x", "timestamp": 9, "event": "like"}, {"item_id": "z", "timestamp": 5}, {"item_id": "y", "timestamp": 9}]
    timed = history_of(catalog, given)
    assert (
        timed.row(0).tolist() == [1, 3, 2] and timed.times.tolist() == [5, 9, 9] and timed.actions.tolist() == [0, ACTION_CODE["like"], 0]
    )
    mixed = history_of(catalog, [{"item_id": "x", "timestamp": 9}, {"item_id": "z", "timestamp": None}, "y"])
    assert mixed.row(0).tolist() == [3, 1, 2] and not mixed.timed
    assert history_of(catalog, []).num_events == 0 and len(history_of(catalog, [])) == 1


@pytest.mark.parametrize(
    ("events", "error", "words"),
    [
        (["x", "nope"], UnknownIdError, "item_id='nope'"),
        ([{"event": "view"}], InputError, "every event names an item"),
        ([{"item_id": 3}], InputError, "every event names an item"),
        ([{"item_id": "x", "timestamp": "noon"}], InputError, "timestamp='noon'"),
        ([{"item_id": "x", "timestamp": 1.5}], InputError, "whole UTC seconds"),
    ],
)
def test_histories_that_make_no_sense(events: list[Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        history_of(Catalog(ITEMS), events)


def test_the_empty_data_set() -> None:
    dataset = Dataset.build("none", frame([]), ITEMS)
    assert (
        len(dataset.users) == 0
        and dataset.histories.num_events == 0
        and not dataset.timed
        and np.array_equal(dataset.histories.offsets, [0])
    )
