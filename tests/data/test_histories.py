"""Histories: every vectorised cut against plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories

Row = list[tuple[int, int, int, int]]  # item, action, time, domain
rows = st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 12), st.integers(0, 99), st.integers(0, 3)), max_size=6), max_size=6)


def made(table: list[Row]) -> Histories:
    part = [[[event[k] for event in row] for row in table] for k in range(4)]
    return Histories.of(part[0], actions=part[1], times=part[2], domains=part[3], users=range(1, len(table) + 1))  # type: ignore[arg-type]


def plain(h: Histories) -> list[Row]:
    """Back to lists; also checks that the arrays hang together."""
    assert h.offsets[0] == 0 and len(h.users) == len(h) and h.num_events == len(h.items) == len(h.actions) == len(h.times) == len(h.domains)
    assert (h.items.dtype, h.actions.dtype, h.times.dtype, h.domains.dtype, h.users.dtype) == (
        np.int32,
        np.int8,
        np.int64,
        np.int16,
        np.int32,
    )
    events = list(zip(h.items.tolist(), h.actions.tolist(), h.times.tolist(), h.domains.tolist(), strict=True))
    return [events[h.offsets[r] : h.offsets[r + 1]] for r in range(len(h))]


@given(rows)
def test_round_trip_and_views(table: list[Row]) -> None:
    h = made(table)
    assert plain(h) == table and h.timed
    assert h.lengths.tolist() == [len(row) for row in table]
    assert h.rows.tolist() == [r for r, row in enumerate(table) for _ in row]
    assert h.places.tolist() == [p for row in table for p in range(len(row))]
    assert [h.row(r).tolist() for r in range(len(h))] == [[event[0] for event in row] for row in table]


@given(rows, st.integers(0, 7))
def test_last_and_without_last(table: list[Row], count: int) -> None:
    h = made(table)
    assert plain(h.last(count)) == [row[max(0, len(row) - count) :] for row in table]
    assert plain(h.without_last(count)) == [row[: max(0, len(row) - count)] for row in table]
    assert h.last(count).users.tolist() == h.users.tolist()


@settings(max_examples=60)
@given(rows, st.data())
def test_take_where_slices(table: list[Row], data: st.DataObject) -> None:
    h = made(table)
    picked = data.draw(st.lists(st.integers(0, len(table) - 1), max_size=8)) if table else []
    taken = h.take(np.array(picked))
    assert plain(taken) == [table[r] for r in picked] and taken.users.tolist() == [r + 1 for r in picked]
    keep = data.draw(st.lists(st.booleans(), min_size=h.num_events, max_size=h.num_events))
    flags = iter(keep)
    assert plain(h.where(np.array(keep, bool))) == [[event for event in row if next(flags)] for row in table]
    cuts = [(r, *sorted(data.draw(st.tuples(st.integers(0, len(table[r])), st.integers(0, len(table[r])))))) for r in picked]
    starts, stops = (np.array([h.offsets[r] + cut for r, *cuts_of in cuts for cut in [cuts_of[k]]], np.int64) for k in (0, 1))
    assert plain(h.slices(starts, stops, np.array(picked, np.int64))) == [table[r][a:b] for r, a, b in cuts]


def test_a_slice_that_ends_before_it_starts_is_empty() -> None:
    h = made([[(1, 0, 5, 0), (2, 0, 6, 0)]])
    assert plain(h.slices(np.array([2]), np.array([0]), np.array([0]))) == [[]]


def test_defaults() -> None:
    h = Histories.of([[4, 5], [], [6]])
    assert not h.timed and h.times.tolist() == [0, 1, 0] and h.actions.tolist() == [0, 0, 0] and h.users.tolist() == [0, 0, 0]
    assert not h.take(np.array([2])).timed
    empty = Histories.of([])
    assert len(empty) == 0 and empty.num_events == 0 and len(empty.take(np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": [[1, 2, 3]]},
        {"times": [[1, 2], [3, 4]]},
        {"times": [[1], [2, 3]]},
        {"actions": []},
        {"domains": [[0, 0], [0], []]},
        {"users": [1]},
    ],
)
def test_values_that_do_not_fit_row_by_row(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"one (value an event|user a row)"):
        Histories.of([[1, 2], [3]], **wrong)
