"""A process that does something for a server, begun again whenever it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

NICE = 5  # of processes beside a server: those who wait for an answer go first
_PAUSE, _LONGEST = 1.0, 60.0  # seconds before another one is begun: twice as many each time, while none lasts longer than that
_PATIENCE = 10.0  # seconds that it has at the end
_log = logging.getLogger("penchant.serve")


class KeptAlive:
    """See the top of this file.

    Args:
        name: Of the process, for the log.
        begin: Gives a process that was started.
        gone: Called when one has ended, before another one is begun.

    Attributes:
        process: The one of the moment.
    """

    def __init__(self, name: str, begin: Callable[[], BaseProcess], *, gone: Callable[[], object] = lambda: None) -> None:
        self.name, self._begin, self._gone = name, begin, gone
        self._ended = threading.Event()
        self.process = begin()
        self._watch = threading.Thread(target=self._again, name=f"watch of {name}", daemon=True)
        self._watch.start()

    def close(self) -> None:
        """Ask it to end, and wait until it has; it is killed if it does not."""
        self._ended.set()
        self.process.terminate()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
        self._watch.join()

    def _again(self) -> None:
        pause = _PAUSE / 2
        while True:
            began = time.monotonic()
            self.process.join()
            self._gone()
            pause = _PAUSE if time.monotonic() - began > _LONGEST else min(2 * pause, _LONGEST)
            if self._ended.wait(pause):
                return
            _log.warning("the process of %s ended with %s; another one is begun", self.name, self.process.exitcode)
            try:
                self.process = self._begin()
            except OSError:
                _log.exception("no process can be begun for %s; it is tried again", self.name)
            if self._ended.is_set():  # meanwhile
                self.process.terminate()
