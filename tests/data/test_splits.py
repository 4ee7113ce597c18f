"""Splits: known answers on a small log, and the rule that nothing visible lies in the future."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.dataset import Dataset
from penchant.data.splits import Split, Targets, cold_items, global_temporal, leave_one_out, per_user_temporal


def dataset_of(rows: Sequence[tuple[int, int, int | None]], items: int = 8) -> Dataset:
    """From (user, item, time) rows; the item ``i<n>`` has code ``n``."""
    events = pl.DataFrame(
        {"user_id": [f"u{u}" for u, _, _ in rows], "item_id": [f"i{i}" for _, i, _ in rows], "timestamp": [t for _, _, t in rows]},
        schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64},
    )
    return Dataset.build("made", events, pl.DataFrame({"item_id": [f"i{n}" for n in range(1, items + 1)]}))


SMALL = dataset_of([(1, 1, 10), (1, 2, 20), (1, 3, 30), (1, 4, 40), (2, 5, 15), (2, 6, 35), (3, 7, 5), (3, 1, 25), (3, 2, 45)])

logs = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8), st.integers(0, 30)), min_size=1, max_size=60).map(dataset_of)


def lists(histories: Any) -> list[list[int]]:
    return [histories.row(r).tolist() for r in range(len(histories))]


def made(rule: Any, dataset: Dataset, **how: Any) -> Split | None:
    """The split, or None where the rule leaves nobody to ask (which must be an InputError)."""
    try:
        return rule(dataset, **how)
    except InputError:
        return None


def check(split: Split, dataset: Dataset) -> None:
    """What holds for every split."""
    trained = np.unique(split.train.items)
    assert np.array_equal(np.flatnonzero(split.cold), np.setdiff1d(np.arange(1, dataset.num_items + 1), trained))
    assert split.num_items == dataset.num_items and split.cold.shape == (dataset.num_items + 1,)
    assert np.array_equal(split.train.users, np.arange(1, len(dataset.users) + 1))
    for part in (split.valid, split.test):
        assert np.array_equal(part.histories.users, part.items.users)
        assert part.items.lengths.min() >= 1
        assert len(np.unique(part.items.users)) == len(part)
        for r in range(len(part)):
            seen, asked = part.histories, part.items
            if seen.lengths[r]:
                assert seen.times[seen.offsets[r + 1] - 1] <= asked.times[asked.offsets[r]]


def events_of(*parts: Any) -> list[tuple[int, int, int]]:
    """All (user, item, time) of several histories, sorted."""
    return sorted((int(h.users[r]), int(i), int(t)) for h in parts for r, i, t in zip(h.rows, h.items, h.times, strict=True))


def test_leave_one_out_small() -> None:
    split = leave_one_out(SMALL)
    assert lists(split.train) == [[1, 2], [5, 6], [7]]
    assert lists(split.valid.histories) == [[1, 2], [7]] and lists(split.valid.items) == [[3], [1]]
    assert lists(split.test.histories) == [[1, 2, 3], [7, 1]] and lists(split.test.items) == [[4], [2]]
    assert split.test.items.times.tolist() == [40, 45]
    assert split.test.items.users.tolist() == [1, 3]
    assert np.flatnonzero(split.cold).tolist() == [3, 4, 8]
    assert "1 users with fewer than 3 events" in split.name


def test_per_user_temporal_small() -> None:
    split = per_user_temporal(dataset_of([(1, 1 + t % 8, t) for t in range(20)] + [(2, 1, 1), (2, 2, 2)]))
    assert split.train.lengths.tolist() == [16, 2]
    assert split.valid.items.times.tolist() == [16, 17] and split.test.items.times.tolist() == [18, 19]
    assert split.test.histories.times.tolist() == list(range(18))


def test_global_temporal_small() -> None:
    split = global_temporal(SMALL, valid_from=30, test_from=40)
    assert lists(split.train) == [[1, 2], [5], [7, 1]]
    assert lists(split.valid.histories) == [[1, 2], [5]] and lists(split.valid.items) == [[3], [6]]
    assert lists(split.test.histories) == [[1, 2, 3], [7, 1]] and lists(split.test.items) == [[4], [2]]


def test_global_temporal_by_shares_keeps_seconds_together() -> None:
    dataset = dataset_of([(u, 1 + (u + t) % 8, t // 2) for u in (1, 2) for t in range(50)])
    split = global_temporal(dataset)
    assert split.train.num_events == 80 and split.valid.items.num_events == 8 and split.test.items.num_events == 12
    assert split.train.times.max() < split.valid.items.times.min() <= split.valid.items.times.max() < split.test.items.times.min()


def test_global_temporal_leaves_out_who_has_nothing_to_see() -> None:
    dataset = dataset_of([(1, 1, 1), (1, 2, 5), (1, 3, 9), (2, 4, 9)])
    assert global_temporal(dataset, valid_from=5, test_from=9).test.items.users.tolist() == [1]
    split = global_temporal(dataset, valid_from=5, test_from=9, min_history=0)
    assert lists(split.test.items) == [[3], [4]] and lists(split.test.histories) == [[1, 2], []]


def test_cold_items_small() -> None:
    split = cold_items(dataset_of([(u, 1 + (u + t) % 8, t) for u in range(1, 5) for t in range(8)]), share=0.25, seed=3)
    asked = [np.unique(part.items.items) for part in (split.valid, split.test)]
    assert [len(items) for items in asked] == [1, 1]
    assert np.flatnonzero(split.cold).tolist() == sorted(np.concatenate(asked).tolist())


@settings(max_examples=40, deadline=None)
@given(logs)
def test_leave_one_out_property(dataset: Dataset) -> None:
    if split := made(leave_one_out, dataset):
        check(split, dataset)
        assert events_of(split.train, split.valid.items, split.test.items) == events_of(dataset.histories)
        assert lists(split.valid.histories) == lists(split.train.take(split.valid.items.users - 1))


@settings(max_examples=40, deadline=None)
@given(logs, st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.2, 0.2, 0.6)]))
def test_per_user_property(dataset: Dataset, shares: tuple[float, float, float]) -> None:
    if split := made(per_user_temporal, dataset, shares=shares):
        check(split, dataset)
        assert events_of(split.train, split.valid.items, split.test.items) == events_of(dataset.histories)


@settings(max_examples=40, deadline=None)
@given(logs, st.one_of(st.just({}), st.just({"valid_from": 10, "test_from": 20})))
def test_global_temporal_property(dataset: Dataset, how: dict[str, int]) -> None:
    if split := made(global_temporal, dataset, **how):
        check(split, dataset)
        assert split.train.times.max(initial=-1) < split.valid.items.times.min()
        for part in (split.valid, split.test):
            assert part.histories.times.max() < part.items.times.min()  # one clock for all users
        assert split.valid.items.times.max() < split.test.items.times.min()


@settings(max_examples=40, deadline=None)
@given(logs, st.floats(0.1, 0.6), st.integers(0, 3))
def test_cold_items_property(dataset: Dataset, share: float, seed: int) -> None:
    if split := made(cold_items, dataset, share=share, seed=seed):
        check(split, dataset)
        for part in (split.valid, split.test):
            assert split.cold[part.items.items].all() and not split.cold[part.histories.items].any()
        assert not np.intersect1d(split.valid.items.items, split.test.items.items).size


def test_times_are_needed_for_time_splits() -> None:
    untimed = dataset_of([(1, i, None) for i in range(1, 9)])
    assert leave_one_out(untimed).test.items.items.tolist() == [8]
    for rule in (global_temporal, per_user_temporal):
        with pytest.raises(InputError, match="without times"):
            rule(untimed)


@pytest.mark.parametrize(
    "call",
    [
        lambda: leave_one_out(SMALL, min_events=2),
        lambda: leave_one_out(SMALL, min_events=5),
        lambda: per_user_temporal(SMALL, shares=(0.9, 0.1, 0.0)),
        lambda: per_user_temporal(SMALL, shares=(0.9, 0.1, 0.1)),
        lambda: global_temporal(SMALL, valid_from=5),
        lambda: global_temporal(SMALL, valid_from=50, test_from=40),
        lambda: cold_items(SMALL, share=0.0),
        lambda: cold_items(SMALL, share=0.99),
        lambda: leave_one_out(dataset_of([])),
    ],
)
def test_bad_calls(call: Any) -> None:
    with pytest.raises(InputError) as error:
        call()
    assert isinstance(error.value, InputError) and error.value.remedy


def test_every_event_of_the_future_stays_out_when_users_come_in_any_row_order() -> None:
    rows = [(1, 1, 10), (2, 5, 15), (1, 3, 30), (2, 6, 35), (1, 2, 20), (1, 4, 40)]
    split = leave_one_out(dataset_of(rows))
    assert isinstance(split.test, Targets)
    assert lists(split.test.histories) == [[1, 2, 3]] and lists(split.test.items) == [[4]]
