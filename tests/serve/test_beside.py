"""What is done again and again goes on after whatever happens, and ends when it is told to."""

from __future__ import annotations

import threading
import time

from penchant.core.errors import StorageError
from penchant.serve.beside import Beside


def test_it_goes_on_after_errors_and_can_begin_again() -> None:
    times, enough = [0], threading.Event()

    def act() -> None:
        times[0] += 1
        if times[0] % 4 == 0:
            enough.set()
        if times[0] % 2:
            raise StorageError("the disk", "it is full", "make room")
        raise RuntimeError("nobody has thought of this")

    one = Beside("test", 0.001, act)
    for _ in range(2):
        enough.clear()
        one.start()
        assert enough.wait(5)
        one.stop()
        before = times[0]
        time.sleep(0.02)
        assert (one.ended, times[0]) == (True, before)


def test_stop_waits_for_what_is_being_done() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        assert go_on.wait(5)
        done.set()

    one = Beside("test", 0.001, act)
    one.start()
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    one.stop()
    assert done.is_set()
    impatient = Beside("test", 0.001, lambda: threading.Event().wait(1), patience=0.01)
    impatient.start()
    impatient.stop()
