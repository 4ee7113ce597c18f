"""Pairs are what was had, negatives are what was not, evenly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatches, Pairs

TRAIN = Histories.of([[2, 5, 2], [], [1, 3, 4, 6], [6]], users=[1, 2, 3, 0])


def test_pairs_are_sorted_and_counted_once() -> None:
    pairs = Pairs.of(TRAIN, 6)
    assert list(zip(pairs.users.tolist(), pairs.items.tolist(), strict=True)) == [(1, 2), (1, 5), (3, 1), (3, 3), (3, 4), (3, 6)]
    assert pairs.user_degrees.tolist() == [0, 2, 0, 4]
    assert pairs.item_degrees.tolist() == [0, 1, 1, 1, 1, 1, 1]


def test_a_history_continues_training_only_with_all_of_its_items() -> None:
    pairs = Pairs.of(TRAIN, 6)
    given = Histories.of([[5, 2], [2, 5, 6, 6], [2, 6], [2, 5], [1], [1, 3, 4, 6], []], users=[1, 1, 1, 0, 2, 3, 9])
    assert pairs.continued_by(given).tolist() == [True, True, False, False, False, True, False]


@settings(max_examples=30)
@given(rows=st.lists(st.sets(st.integers(1, 9), max_size=8), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_negatives_are_exactly_what_the_user_did_not_have(rows: list[set[int]], seed: int) -> None:
    torch.manual_seed(seed)
    train = Histories.of([sorted(row) for row in rows], users=np.arange(1, len(rows) + 1))
    if not train.num_events:
        return
    batches = PairBatches(Pairs.of(train, 9), size=1000)
    users = torch.from_numpy(np.repeat(np.flatnonzero(train.lengths) + 1, 150))
    drawn = batches.draw(users)[:, 0].numpy()
    for user in np.unique(users):
        found = drawn[users.numpy() == user]
        assert set(found) == set(range(1, 10)) - rows[user - 1]  # none had, none forgotten: the last item included


def test_negatives_are_even() -> None:
    torch.manual_seed(0)
    batches = PairBatches(Pairs.of(TRAIN, 6), size=8, negatives=2)
    drawn = batches.draw(torch.full((6000,), 1)).flatten()
    counts = torch.bincount(drawn, minlength=7)[[1, 3, 4, 6]]
    assert (counts - 3000).abs().max() < 4 * 3000**0.5


def test_an_epoch_holds_each_pair_once_in_an_order_of_seed_and_epoch() -> None:
    pairs = Pairs.of(TRAIN, 6)
    batches = PairBatches(pairs, size=4, negatives=3, seed=1)
    plan = batches.plan(0)
    assert [len(rows) for rows in plan] == [4, 2]
    assert sorted(np.concatenate(plan)) == list(range(6))
    assert np.array_equal(np.concatenate(plan), np.concatenate(PairBatches(pairs, size=4, seed=1).plan(0)))
    assert not np.array_equal(np.concatenate(plan), np.concatenate(batches.plan(1)))
    batch = batches.batch(plan[0]).to("cpu")
    assert batch.num_targets == len(batch) == 4
    assert batch.negatives.shape == (4, 3)
    assert set(zip(batch.users.tolist(), batch.items.tolist(), strict=True)) <= set(
        zip(pairs.users.tolist(), pairs.items.tolist(), strict=True)
    )


def test_a_user_of_everything_is_left_out() -> None:
    full = Histories.of([[1, 2, 3], [2]], users=[1, 2])
    assert PairBatches(Pairs.of(full, 3), size=9).plan(0)[0].tolist() == [3]
    with pytest.raises(InputError, match="nothing to learn from"):
        PairBatches(Pairs.of(full.take(np.array([0])), 3), size=9)
    with pytest.raises(InputError, match="size=0"):
        PairBatches(Pairs.of(full, 3), size=0)


def test_newest_pairs_are_those_of_the_newest_events_of_known_users() -> None:
    train = Histories.of([[2, 5, 2], [1, 3], [4]], times=[[1, 2, 9], [3, 9], [99]], users=[1, 2, 0])
    pairs = Pairs.of(train, 6)  # (1, 2), (1, 5), (2, 1), (2, 3)
    assert pairs.newest(train, 0.2).tolist() == [True, False, False, True], "events of one time go together"
    assert pairs.newest(train, 0.6).tolist() == [True, False, True, True]
    assert pairs.newest(train, 1.0).all()
    assert pairs.newest(train, 0.0).any(), "at least one event"


def test_pairs_left_out_are_in_no_batch_and_no_negatives() -> None:
    torch.manual_seed(0)
    pairs = Pairs.of(TRAIN, 6)
    batches = PairBatches(pairs, size=4, negatives=50, only=pairs.items == 5)
    assert [rows.tolist() for rows in batches.plan(0)] == [[1]]
    assert set(batches.batch(np.array([1])).negatives.unique().tolist()) == {1, 3, 4, 6}
