"""Gaps, and times dropped or shuffled: nothing of the padding, nothing between rows, the same in every batch."""

from __future__ import annotations

import numpy as np
import torch

from penchant.data.batches import Batch, collate
from penchant.data.clock import Times, gaps
from penchant.data.histories import Histories


def batch(rows: int = 3) -> Batch:
    lists = [[4, 7, 1, 9, 3, 8], [5, 2], [6, 6, 1, 2]][:rows]
    times = [[100, 110, 150, 151, 900, 5000], [10, 20], [50, 50, 70, 300]][:rows]
    return collate(Histories.of(lists, times=times), targets=False)


def test_gaps_of_first_events_padding_and_disorder_are_zero() -> None:
    times = torch.tensor([[0, 100, 130, 120, 500, 0]])
    assert gaps(times).tolist() == [[0, 0, 30, 0, 380, 0]]


def test_dropped_leaves_no_time() -> None:
    assert not Times.DROPPED.of(batch()).times.any()
    assert Times.USED.of(batch()).times.equal(batch().times)


def test_shuffled_keeps_the_gaps_of_each_history_but_not_their_order() -> None:
    before, after = batch(), Times.SHUFFLED.of(batch())
    for row in range(3):
        length = int(before.lengths[row])
        assert sorted(gaps(before.times)[row, :length].tolist()) == sorted(gaps(after.times)[row, :length].tolist())
        assert after.times[row, [1, length - 1]].equal(before.times[row, [1, length - 1]])
        assert not after.times[row, 0]
        assert not after.times[row, length:].any()
    assert not after.times[0].equal(before.times[0])


def test_shuffled_is_the_same_in_every_batch() -> None:
    assert Times.SHUFFLED.of(batch(3)).times[0].equal(Times.SHUFFLED.of(batch(1)).times[0])


def test_histories_without_times_stay_without() -> None:
    plain = collate(Histories.of([[1, 2, 3]]), targets=False)
    assert not Times.SHUFFLED.of(plain).times.any()


def test_windows_that_were_cut_have_no_start_token() -> None:
    cut = collate(Histories.of([[1, 2, 3, 4]], times=[[10, 20, 50, 90]]), begins=np.array([False]), targets=False)
    after = Times.SHUFFLED.of(cut).times
    assert after[0, [0, 3]].tolist() == [10, 90]
    assert sorted(gaps(after)[0].tolist()) == [0, 10, 30, 40]
