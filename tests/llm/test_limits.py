"""Pace and spending, by a clock that the tests turn."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import BudgetError
from penchant.llm.pace import Pace, backoff
from penchant.llm.spending import Ledger, Prices, Usage


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nobody_waits() -> None:
    pace = Pace(clock=Clock())
    assert [pace.turn(10_000) for _ in range(3)] == [0.0, 0.0, 0.0]


def test_requests_come_evenly() -> None:
    clock = Clock()
    pace = Pace(requests=30, clock=clock)
    assert [pace.turn(1) for _ in range(3)] == [0.0, 2.0, 4.0]
    clock.now += 60
    assert [pace.turn(1) for _ in range(2)] == [0.0, 2.0], "no turns are saved up"


def test_tokens_count_and_what_was_not_needed_is_given_back() -> None:
    pace = Pace(tokens=600, clock=Clock())
    assert [pace.turn(100), pace.turn(50)] == [0.0, pytest.approx(10.0)]
    pace.correct(50, 20)
    assert pace.turn(1) == pytest.approx(12.0)


def test_a_rest_holds_for_everybody() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.rest(5.0)
    pace.rest(2.0)
    assert [pace.turn(1), pace.turn(1)] == [5.0, 5.0]
    clock.now += 5
    assert pace.turn(1) == 0.0


@given(st.integers(1, 10_000), st.floats(0, 60), st.floats(0, 3600))
def test_waits_grow_but_stay_within_bounds(tried: int, first: float, longest: float) -> None:
    assert 0 <= backoff(tried, first, longest) <= min(longest, first * 2.0 ** min(tried - 1, 60))


def test_costs_are_summed() -> None:
    ledger = Ledger(Prices(read=2.0, written=8.0))
    ledger.admit(1_000_000, 1_000_000)
    assert ledger.settle(1_000_000, 1_000_000, (500_000, 250_000)) == 3.0
    ledger.admit(10, 10)
    assert ledger.settle(10, 10, None) == pytest.approx(100 / 1e6)
    assert ledger.usage == Usage(2, 500_000, 250_000, pytest.approx(3.0001))


def test_who_does_not_fit_beside_others_waits_for_them() -> None:
    ledger = Ledger(Prices(written=1e6), limit=10.0)
    ledger.admit(0, 8)
    waited: list[float] = []

    def second() -> None:
        started = time.monotonic()
        ledger.admit(0, 8)
        waited.append(time.monotonic() - started)

    thread = threading.Thread(target=second)
    thread.start()
    time.sleep(0.1)
    ledger.settle(0, 8, (0, 1))
    thread.join(10)
    assert waited[0] >= 0.09
    ledger.settle(0, 8, (0, 8))
    with pytest.raises(BudgetError, match="of it 1 is left, and the next question may cost 2"):
        ledger.admit(0, 2)


def test_of_many_at_once_none_passes_the_limit() -> None:
    ledger, refused = Ledger(Prices(written=1e6), limit=50.0), []

    def spend(number: int) -> None:
        for _ in range(20):
            try:
                ledger.admit(0, 5)
            except BudgetError:
                refused.append(number)
                continue
            ledger.settle(0, 5, (0, 3))

    threads = [threading.Thread(target=spend, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.usage.cost == 48.0, "then less than the most that one can cost is left"
    assert len(refused) == 160 - ledger.usage.requests
