"""Processor time that may be spent, by a clock that the test moves."""

from __future__ import annotations

import pytest

from penchant.core.errors import InputError
from penchant.pipeline.budget import Budget


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_more_is_spent_on_average_than_there_is() -> None:
    clock = Clock()
    budget = Budget(0.5, clock=clock)
    spent = 0.0
    for _ in range(10_000):
        clock.now += 0.001
        if budget.take(0.04):
            spent += 0.04
    assert spent == pytest.approx(0.5 * 10, rel=0.05)


def test_what_nobody_spends_is_saved_for_a_moment_alone() -> None:
    clock = Clock()
    budget = Budget(1.0, clock=clock)
    clock.now = 1_000.0
    assert [budget.take(0.06) for _ in range(6)] == [True, True, True, True, False, False]


def test_even_what_costs_more_than_is_saved_gets_its_turn() -> None:
    clock = Clock()
    budget = Budget(0.1, clock=clock)
    assert budget.take(5.0)
    clock.now = 49.0
    assert not budget.take(5.0)
    clock.now = 50.5
    assert budget.take(5.0)


def test_whoever_is_late_makes_it_smaller_and_time_makes_it_larger() -> None:
    clock = Clock()
    budget = Budget(1.0, clock=clock)
    budget.late()
    budget.late()  # at the same moment: once is enough
    assert budget.share == pytest.approx(0.7)
    clock.now = 0.5
    budget.late()
    assert budget.share == pytest.approx(0.71 * 0.7)
    clock.now = 10.0
    assert budget.share == pytest.approx(0.71 * 0.7 + 9.5 * 0.02)
    clock.now = 100.0
    assert budget.share == 1.0


def test_a_smaller_share_is_what_is_spent_and_some_is_always_left() -> None:
    clock, spent = Clock(), 0.0
    budget = Budget(1.0, clock=clock)
    for _ in range(2_000):
        clock.now += 0.5
        budget.late()
    assert 0.02 <= budget.share < 0.05
    for _ in range(1_000):
        clock.now += 0.01
        if budget.share > 0.1:
            budget.late()
        spent += 0.005 if budget.take(0.005) else 0.0
    assert 0.2 < spent < 1.2


def test_without_any_nothing_is_taken() -> None:
    assert not Budget(0.0).take(0.0)
    with pytest.raises(InputError, match="cores=-1"):
        Budget(-1.0)
