from __future__ import annotations

import numpy as np

from penchant.data.histories import Histories
from penchant.data.last_targets import LastTargets

LISTS = [[1, 2, 3], [], [4], list(range(1, 9)), [7, 5]]


def test_the_newest_event_of_each_user_is_the_only_target() -> None:
    batches = LastTargets(Histories.of(LISTS), max_len=4, tokens=100)
    assert sorted(np.concatenate(batches.plan(0)).tolist()) == [0, 1, 2, 3]  # the user without events is left out
    batch = batches.batch(np.arange(4))
    assert batch.items.tolist() == [[0, 1, 2], [0, 0, 0], [5, 6, 7], [0, 7, 0]]  # a cut history has no start token
    assert batch.targets.tolist() == [[0, 0, 3], [4, 0, 0], [0, 0, 8], [0, 5, 0]]
    assert batch.num_targets == 4


def test_times_and_actions_of_other_targets_are_gone_too() -> None:
    histories = Histories.of([[1, 2, 3]], times=[[10, 20, 30]], actions=[[1, 2, 3]])
    batch = LastTargets(histories, max_len=4, tokens=10).batch(np.array([0]))
    assert batch.target_times.tolist() == [[0, 0, 30]] and batch.target_actions.tolist() == [[0, 0, 3]]
    assert batch.times.tolist() == [[0, 10, 20]]
