"""Turns: so many at a time and no more; who waits for something else gives way; nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from penchant.core.errors import InputError
from penchant.pipeline.turns import Turns


def test_no_more_than_so_many_work_at_once() -> None:
    turns, lock, running, most = Turns(2, patience=20), threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal running, most
        with turns.taken():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.005)
            with lock:
                running -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(24)))
    assert most == 2


def test_who_waits_gives_its_turn_to_others_and_takes_it_again() -> None:
    turns, waits, done = Turns(1, patience=20), threading.Event(), threading.Event()

    def first() -> bool:
        with turns.taken():
            with turns.aside():
                waits.set()
                came = done.wait(20)
            return came and not turns._free.acquire(blocking=False)

    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(first)
        assert waits.wait(20)
        with turns.taken():
            done.set()
        assert found.result(20)
    with turns.taken():  # and it is given back
        pass


def test_nobody_waits_longer_than_its_patience_for_one_that_hangs() -> None:
    turns = Turns(1, patience=0.01)
    with turns.taken(), ThreadPoolExecutor(1) as pool:

        def second() -> bool:
            with turns.taken(), turns.aside():
                return True

        assert pool.submit(second).result(20)
    assert turns._free.acquire(blocking=False)  # it did not give what it never had
    assert not turns._free.acquire(blocking=False)


def test_aside_without_a_turn_gives_nothing() -> None:
    turns = Turns(1)
    with turns.aside():
        pass
    assert turns._free.acquire(blocking=False)
    assert not turns._free.acquire(blocking=False)


@pytest.mark.parametrize(("most", "patience"), [(0, 1.0), (1, -1.0)])
def test_bad_settings_say_why(most: int, patience: float) -> None:
    with pytest.raises(InputError, match="pass"):
        Turns(most, patience=patience)
