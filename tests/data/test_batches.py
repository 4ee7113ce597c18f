"""Batches: each event is a target exactly once, right after what came before it; padding means nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.batches import Batch, TrainingBatches, by_length, collate, training_windows
from penchant.data.histories import Histories

tables = st.lists(st.integers(0, 25), min_size=1, max_size=8)


def made(lengths: list[int], timed: bool = True) -> Histories:
    """Row r holds items 100 r + 1, 100 r + 2, ... so that each event is known by its item."""
    items = [[100 * r + n + 1 for n in range(length)] for r, length in enumerate(lengths)]
    times = [[1000 * r + 10 * n for n in range(length)] for r, length in enumerate(lengths)] if timed else None
    actions = [[n % 5 for n in range(length)] for length in lengths]
    return Histories.of(items, times=times, actions=actions, domains=actions, users=[r + 1 for r in range(len(lengths))])


@settings(max_examples=80)
@given(tables, st.integers(2, 9))
def test_every_event_is_a_target_once_with_all_the_history_that_fits(lengths: list[int], max_len: int) -> None:
    h = made(lengths)
    windows, begins = training_windows(h, max_len)
    assert windows.lengths.max(initial=0) <= max_len
    batch = collate(windows, begins=begins)
    pairs = Counter()
    for b in range(len(batch)):
        for t in range(int(batch.lengths[b])):
            before, target = int(batch.items[b, t]), int(batch.targets[b, t])
            assert target > 0, "every valid step of training has a target"
            pairs[target] += 1
            assert before == (0 if target % 100 == 1 else target - 1)  # 0 is the start token
            row, place = divmod(target, 100)
            assert int(batch.target_times[b, t]) == 1000 * row + 10 * (place - 1) and int(batch.target_actions[b, t]) == (place - 1) % 5
            assert int(batch.users[b]) == row + 1
        assert not batch.targets[b, int(batch.lengths[b]) :].any() and not batch.items[b, int(batch.lengths[b]) :].any()
    assert pairs == Counter(h.items.tolist())
    full = windows.lengths == max_len  # of a row cut in several, only the oldest is short
    for r in range(len(h)):
        mine = full[windows.users == r + 1]
        assert (
            mine.all()
            if lengths[r] >= max_len and (lengths[r] - 1) % (max_len - 1) == 0
            else int((~mine).sum()) == (1 if lengths[r] else 0)
        )


@settings(max_examples=80)
@given(tables)
def test_inference_shows_everything(lengths: list[int]) -> None:
    h = made(lengths)
    batch = collate(h, targets=False)
    assert batch.lengths.tolist() == [length + 1 for length in lengths]
    assert batch.items.shape == (len(lengths), max(lengths) + 1)
    for r, length in enumerate(lengths):
        assert batch.items[r].tolist() == [0, *h.row(r).tolist(), *[0] * (max(lengths) - length)]
        assert batch.times[r, 1 : length + 1].tolist() == [1000 * r + 10 * n for n in range(length)]
        assert batch.actions[r, 1 : length + 1].tolist() == batch.domains[r, 1 : length + 1].tolist() == [n % 5 for n in range(length)]
    assert not batch.targets.any()


def test_cut_histories_get_no_start_token_unless_they_are_empty() -> None:
    batch = collate(made([3, 0, 1]), begins=np.array([False, False, False]), targets=False)
    assert batch.items.tolist() == [[1, 2, 3], [0, 0, 0], [201, 0, 0]] and batch.lengths.tolist() == [3, 1, 1]


def test_histories_without_times_have_time_zero() -> None:
    batch = collate(made([3], timed=False))
    assert not batch.times.any() and not batch.target_times.any() and batch.targets.tolist() == [[1, 2, 3]]


def test_collate_does_not_change_its_arguments() -> None:
    begins = np.zeros(2, bool)
    collate(made([0, 2]), begins=begins)
    assert not begins.any()


@settings(max_examples=80)
@given(st.lists(st.integers(1, 30), max_size=30), st.integers(1, 60))
def test_by_length_covers_all_rows_within_the_budget(lengths: list[int], tokens: int) -> None:
    sizes = np.array(lengths, np.int64)
    groups = by_length(sizes, tokens)
    assert sorted(np.concatenate(groups).tolist() if groups else []) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * sizes[group].max() <= tokens for group in groups)
    tops = [sizes[group].max() for group in groups]
    assert tops == sorted(tops, reverse=True)


@settings(max_examples=40)
@given(tables.filter(any), st.integers(0, 5), st.integers(0, 5))
def test_epochs_are_seeded_and_whole(lengths: list[int], seed: int, epoch: int) -> None:
    batches = TrainingBatches(made(lengths), max_len=5, tokens=10, seed=seed)
    seen = list(batches.epoch(epoch))
    assert sum(int((batch.targets > 0).sum()) for batch in seen) == sum(lengths)
    assert all(len(batch) == 1 or batch.items.numel() <= 10 for batch in seen)
    again = TrainingBatches(made(lengths), max_len=5, tokens=10, seed=seed)
    assert all(torch.equal(one.items, two.items) for one, two in zip(seen, again.epoch(epoch), strict=True))


def test_epochs_and_seeds_differ() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(TrainingBatches(made([9] * 30), max_len=5, tokens=10, seed=seed).plan(epoch)).tolist()

    assert order(0, 0) != order(0, 1) and order(0, 0) != order(1, 0)


def test_to_a_device_keeps_everything() -> None:
    batch = collate(made([2, 3]))
    moved = batch.to("cpu")
    assert isinstance(moved, Batch) and len(moved) == 2 and torch.equal(moved.targets, batch.targets)


def test_bad_calls() -> None:
    with pytest.raises(InputError, match="max_len=1"):
        training_windows(made([3]), 1)
    with pytest.raises(InputError, match="tokens=4"):
        TrainingBatches(made([3]), max_len=5, tokens=4)
