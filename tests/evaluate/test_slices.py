from __future__ import annotations

import numpy as np

from penchant.data.histories import Histories
from penchant.data.popularity import HEAD, MID, NEW, TAIL
from penchant.data.splits import Split, Targets
from penchant.evaluate.slices import LENGTH, POPULARITY, by_length, by_popularity, slices

TIERS = np.array([NEW, HEAD, MID, TAIL, NEW], np.int8)


def test_one_target_gives_the_tier_of_the_target() -> None:
    parts = {part.name: part.rows.tolist() for part in by_popularity(Histories.of([[1], [2], [3], [4], [1]]), TIERS)}
    assert parts == {
        "head": [True, False, False, False, True],
        "mid": [False, True, False, False, False],
        "tail": [False, False, True, False, False],
        "new": [False, False, False, True, False],
    }


def test_many_targets_vote_and_the_rarer_tier_wins_a_draw() -> None:
    parts = by_popularity(Histories.of([[1, 1, 4], [1, 3], [2, 2, 1, 1]]), TIERS)
    assert {part.name: np.flatnonzero(part.rows).tolist() for part in parts} == {"head": [0], "tail": [1], "mid": [2]}
    assert [part.name for part in parts] == ["head", "mid", "tail"]  # from popular to rare, without empty ones


def test_lengths_are_cut_by_terciles_and_equal_lengths_stay_together() -> None:
    parts = by_length(Histories.of([[1] * length for length in (1, 2, 3, 4, 5, 6, 7, 8, 9)]))
    assert [(part.name, part.size) for part in parts] == [("short", 3), ("middle", 3), ("long", 3)]
    assert parts[0].rule == "at most 3 earlier events"
    assert parts[1].rule == "4 to 6 earlier events"
    assert parts[2].rule == "more than 6 earlier events"
    (only,) = by_length(Histories.of([[1, 2], [2, 3], [3, 4]]))
    assert (only.name, only.size) == ("short", 3)
    assert by_length(Histories.of([])) == []


def test_each_group_holds_every_row_once() -> None:
    rng = np.random.default_rng(0)
    train = Histories.of([rng.integers(1, 40, rng.integers(1, 30)) for _ in range(50)])
    targets = Targets(train, Histories.of([rng.integers(1, 60, rng.integers(1, 4)) for _ in range(50)]))
    cold = np.bincount(train.items, minlength=61) == 0
    split = Split("test", train, targets, targets, 60, cold)
    parts = slices(split, targets)
    assert {part.group for part in parts} == {POPULARITY, LENGTH}
    for group in (POPULARITY, LENGTH):
        assert np.sum([part.rows for part in parts if part.group == group], axis=0).tolist() == [1] * 50
    new = next(part for part in parts if part.name == "new")
    assert all(cold[targets.items.row(int(row))].mean() >= 1 / 3 for row in np.flatnonzero(new.rows))
