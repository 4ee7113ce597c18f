"""A server's near-line worker in a process of its own, begun again whenever it ends.

In the server's process the worker and the requests take the interpreter from each other; apart, it uses another core, and a list
waits for neither. What it was at when it ended is read again: state and place in the log move together.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_PAUSE, _LONGEST = 1.0, 60.0  # seconds before another process is begun: twice as many each time, while they end at once
_PATIENCE = 10.0  # seconds that the last step has at the end
_NICE = 5  # those who wait for an answer go first
_log = logging.getLogger("penchant.serve")


class WorkerApart:
    """A process that runs a function until it is told to end, by a termination signal.

    Args:
        run: At the top of a module, such as ``penchant.serve.work.work``.
        args: Sent to each process that is begun.
        how: Gives further arguments for a process that is about to be begun.
    """

    def __init__(self, run: Callable[..., object], *args: Any, how: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._run, self._args, self._how = run, args, how
        self._ended = threading.Event()
        self._process, self._line = self._begin()
        self._watch = threading.Thread(target=self._again, name="watch of the worker", daemon=True)
        self._watch.start()

    @property
    def pid(self) -> int | None:
        """Of the process of the moment."""
        return self._process.pid

    def close(self) -> None:
        """End the process after the step that is under way."""
        self._ended.set()
        self._watch.join()
        self._process.terminate()
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._line.close()

    def _begin(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")  # a copy of this process would have its locks, but not their owners
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(
            target=_work, args=(theirs, self._run, self._args, dict(self._how())), name="penchant worker", daemon=True
        )
        process.start()
        theirs.close()
        return process, ours

    def _again(self) -> None:
        """Begin another process whenever one has ended."""
        pause, since = _PAUSE, time.monotonic()
        while not self._ended.wait(pause):
            if self._process.is_alive():
                pause = _PAUSE
                continue
            pause = _PAUSE if time.monotonic() - since > _LONGEST else min(2 * pause, _LONGEST)
            since = time.monotonic()
            _log.warning("the worker ended with %s; another one is begun", self._process.exitcode)
            try:
                process, line = self._begin()
            except OSError:
                _log.exception("no process can be begun for the worker; it is tried again")
                continue
            self._line.close()
            self._process, self._line = process, line


def _work(line: Connection, run: Callable[..., object], args: tuple[Any, ...], how: dict[str, Any]) -> None:
    """Run until told to end, or until whoever began this has gone."""
    if os.name == "posix":
        os.setpgrp()  # Ctrl-C is for the server, which then ends this
        os.nice(_NICE)
    threading.Thread(target=_listen, args=(line,), daemon=True).start()
    run(*args, **how)


def _listen(line: Connection) -> None:
    try:
        line.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
