"""Moving windows: one a row and epoch, always full where they can be, over all of a history in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.batches import Batch
from penchant.data.histories import Histories
from penchant.data.windows import SlidingBatches


def made(lengths: list[int]) -> Histories:
    """Row r holds items 100 r + 1, 100 r + 2, ..."""
    return Histories.of(
        [[100 * r + n + 1 for n in range(length)] for r, length in enumerate(lengths)], users=np.arange(1, len(lengths) + 1)
    )


def epoch(batches: SlidingBatches, number: int) -> dict[int, list[int]]:
    """Targets of each user in one epoch."""
    found: dict[int, list[int]] = {}
    for rows in batches.plan(number):
        batch: Batch = batches.batch(rows)
        assert batch.items.numel() <= max(batches.tokens, batches.max_len)
        for user, targets, items in zip(batch.users.tolist(), batch.targets.tolist(), batch.items.tolist(), strict=True):
            assert user not in found, "one window a user an epoch"
            found[user] = [target for target in targets if target]
            for item, target in zip(items, targets, strict=True):
                assert not target or item == (0 if target % 100 == 1 else target - 1)
    return found


@settings(max_examples=40)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any), st.integers(2, 7), st.integers(1, 6) | st.none())
def test_each_epoch_has_one_full_window_a_user(lengths: list[int], max_len: int, stride: int | None) -> None:
    batches = SlidingBatches(made(lengths), max_len=max_len, tokens=3 * max_len, stride=stride)
    found = epoch(batches, 3)
    assert sorted(found) == [r + 1 for r, length in enumerate(lengths) if length]
    for user, targets in found.items():
        length = lengths[user - 1]
        full = min(length, max_len) - (length > max_len and targets[0] % 100 != 1)
        assert len(targets) == full


def test_strides_cover_a_history_and_come_round() -> None:
    batches = SlidingBatches(made([20, 4]), max_len=6, tokens=64, stride=5)
    ends = [epoch(batches, number)[1][-1] for number in range(5)]
    assert ends == [20, 15, 10, 6, 20]
    assert set().union(*(epoch(batches, number)[1] for number in range(4))) == set(range(1, 21))
    assert epoch(batches, 2)[2] == [101, 102, 103, 104]


def test_drawn_windows_reach_every_place_alike() -> None:
    batches = SlidingBatches(made([12]), max_len=4, tokens=64)
    counts = np.bincount([batches.ends(number)[0] for number in range(1800)], minlength=12)
    assert not counts[:3].any() and (abs(counts[3:] - 200) < 60).all()


def test_latest_only_never_moves_and_the_hybrid_does_every_other_epoch() -> None:
    still = SlidingBatches(made([30]), max_len=4, tokens=64, sliding=0.0)
    assert {int(still.ends(number)[0]) for number in range(9)} == {29}
    mixed = SlidingBatches(made([30]), max_len=4, tokens=64, sliding=0.5, stride=3)
    assert [mixed.slides(number) for number in range(6)] == [False, True] * 3
    assert [int(mixed.ends(number)[0]) for number in range(6)] == [29, 29, 29, 26, 29, 23]


def test_the_plan_follows_from_seed_and_epoch() -> None:
    first, again, other = (SlidingBatches(made([30] * 9), max_len=4, tokens=16, seed=seed) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first.plan(4), again.plan(4), strict=True))
    assert any((a != b).any() for a, b in zip(first.plan(4), other.plan(4), strict=True))


@pytest.mark.parametrize("wrong", [{"max_len": 1}, {"tokens": 3}, {"sliding": 1.5}, {"stride": 0}])
def test_impossible_arguments_are_refused(wrong: dict[str, float]) -> None:
    name, value = next(iter(wrong.items()))
    with pytest.raises(InputError, match=f"{name}={value}: "):
        SlidingBatches(made([5]), **{"max_len": 4, "tokens": 16, **wrong})  # type: ignore[arg-type]
