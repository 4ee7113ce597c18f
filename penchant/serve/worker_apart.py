"""A server's near-line worker in a process of its own.

In the server's process the worker and the requests take the interpreter from each other; apart, it uses another core, and a list
waits for neither. What it was at when it ended is read again: state and place in the log move together.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from penchant.serve.kept_alive import NICE, KeptAlive


class WorkerApart:
    """A process that runs a function until it is told to end, by a termination signal; begun again whenever it ends.

    Args:
        run: At the top of a module, such as ``penchant.serve.work.work``.
        args: Sent to each process that is begun.
        how: Gives further arguments for a process that is about to be begun.
    """

    def __init__(self, run: Callable[..., object], *args: Any, how: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._run, self._args, self._how = run, args, how
        self._line: Connection | None = None
        self._kept = KeptAlive("the worker", self._begin)

    @property
    def pid(self) -> int | None:
        """Of the process of the moment."""
        return self._kept.process.pid

    def close(self) -> None:
        """End the process after the step that is under way."""
        self._kept.close()
        if self._line is not None:
            self._line.close()

    def _begin(self) -> BaseProcess:
        context = multiprocessing.get_context("spawn")  # a copy of this process would have its locks, but not their owners
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(
            target=_work, args=(theirs, self._run, self._args, dict(self._how())), name="penchant worker", daemon=True
        )
        process.start()
        theirs.close()
        if self._line is not None:
            self._line.close()
        self._line = ours
        return process


def _work(line: Connection, run: Callable[..., object], args: tuple[Any, ...], how: dict[str, Any]) -> None:
    """Run until told to end, or until whoever began this has gone."""
    if os.name == "posix":
        os.setpgrp()  # Ctrl-C is for the server, which then ends this
        os.nice(NICE)
    threading.Thread(target=_listen, args=(line,), daemon=True).start()
    run(*args, **how)


def _listen(line: Connection) -> None:
    try:
        line.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)
