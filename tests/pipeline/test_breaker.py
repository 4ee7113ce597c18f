from __future__ import annotations

import pytest

from penchant.core.errors import InputError
from penchant.pipeline.breaker import Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_tries_once_after_its_rest() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, rest_seconds=10, clock=clock)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.passes(), "never three in a row"
    breaker.failed()
    assert breaker.resting
    assert not breaker.passes()
    clock.now += 10
    assert not breaker.resting
    assert [breaker.passes() for _ in range(3)] == [True, False, False], "one is let through, the others wait for what comes of it"
    breaker.failed()
    clock.now += 9
    assert not breaker.passes()
    clock.now += 1
    assert breaker.passes()
    breaker.succeeded()
    assert [breaker.passes() for _ in range(3)] == [True] * 3


def test_it_opens_after_a_failure_at_least() -> None:
    with pytest.raises(InputError, match="failures=0"):
        Breaker(failures=0)
