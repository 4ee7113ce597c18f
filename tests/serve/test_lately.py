from __future__ import annotations

import pytest

from penchant.serve.lately import Every, Lately


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_due_at_first_and_then_after_its_time() -> None:
    clock = Clock()
    every = Every(5.0, clock)
    assert [every.due(), every.due()] == [True, False]
    clock.now += 4.9
    assert not every.due()
    clock.now += 0.1
    assert every.over
    assert every.due()
    clock.now -= 3_600.0
    assert every.due(), "a clock that was set back holds nothing up"
    every.done()
    assert not every.over


def test_a_value_is_read_once_in_its_time() -> None:
    clock, reads = Clock(), iter(range(10))
    lately = Lately(lambda: next(reads), -1, 5.0, clock)
    assert lately.last == -1
    assert [lately.now(), lately.now(), lately.last] == [0, 0, 0]
    clock.now += 5
    assert lately.now() == 1
    lately.put(77)
    clock.now += 4
    assert lately.now() == 77
    clock.now += 1
    assert lately.now() == 2


def test_what_cannot_be_read_is_tried_again_by_the_next() -> None:
    tries = iter([ZeroDivisionError(), 3])

    def read() -> int:
        found = next(tries)
        if isinstance(found, Exception):
            raise found
        return found

    lately = Lately(read, 0, 5.0, Clock())
    with pytest.raises(ZeroDivisionError):
        lately.now()
    assert lately.last == 0
    assert lately.now() == 3
