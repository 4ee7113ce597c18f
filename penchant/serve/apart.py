"""The networks of a release in a process of their own.

In the server's process a network gives the interpreter away at each of its hundreds of products, and waits for it again behind
every request that runs Python; and requests wait behind it. Apart, it uses another core, and a list needs it only where there is
time. When that process ends, lists are made without networks until there is another one.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from penchant.contracts import Retriever, TopK
from penchant.core.errors import UnavailableError
from penchant.models.dense_head import DenseHead
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.spent import spent_elsewhere
from penchant.pipeline.turns import Turns
from penchant.serve.kept_alive import NICE, KeptAlive

CHANCES, USERS = "chances", "users"  # what an explainer and a dense head are asked, among the names of models
_START = 300.0  # seconds that loading may take

#: What can be asked, by name.
Tasks = Mapping[str, Callable[..., Any]]


def tasks_of(release: Release) -> dict[str, Callable[..., Any]]:
    """What is done apart: lists of networks, chances for reasons, vectors of users. What comes first goes first."""
    lists = {name: _lists(release.models[name]) for name in networks_of(release)}
    return {**lists, CHANCES: release.explainer().chances, USERS: DenseHead(release.tandem).users}


def networks_of(release: Release) -> list[str]:
    """Names of the models that are worth it: networks, and what wraps one."""
    return [name for name, model in release.models.items() if isinstance(getattr(model, "model", model), SequenceRetriever)]


def names_of(release: Release) -> list[str]:
    """Names of the tasks, in their order."""
    return [*networks_of(release), CHANCES, USERS]


class Apart:
    """A process that has loaded a release, and the lines to it: one a task, each for one question at a time.

    Args:
        release: Folder of the release.
        names: Of the tasks, see ``names_of``.
        turns: That whoever asks gives to others while it waits.
        make: Makes the tasks of the folder, in that process.
    """

    def __init__(self, release: Path, names: list[str], *, turns: Turns | None = None, make: Callable[[Path], Tasks] | None = None) -> None:
        self.release, self.turns = release, turns or Turns()
        self._make = make or _tasks
        self._lines = {name: _Line(name) for name in names}
        self._ready = threading.Event()
        self._kept = KeptAlive("the networks", self._begin, gone=self._gone)

    @property
    def pid(self) -> int | None:
        """Of the process of the moment."""
        return self._kept.process.pid

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        return self._ready.is_set()

    def wait_ready(self) -> None:
        """Wait until the release is loaded there.

        Raises:
            UnavailableError: It was not, within five minutes.
        """
        until = time.monotonic() + _START
        while not self._ready.wait(0.05):
            if not self._kept.process.is_alive() or time.monotonic() > until:
                raise UnavailableError(
                    f"{self.release}", "its networks could not be loaded in a process of their own", "see the log for why"
                )

    def ask(self, name: str, *args: Any, seconds: float | None = None) -> Any:
        """What a task gives for ``args``.

        Args:
            seconds: To wait; None: as long as it takes.

        Raises:
            UnavailableError: The process is not there, or did not answer in time.
            Exception: Whatever the task raised.
        """
        if not self._ready.is_set():
            raise UnavailableError(f"{name!r}", "the process of the networks is not ready", "try again in a few seconds")
        with self.turns.aside():
            answer, error, cost = self._lines[name].ask(args, seconds)
        spent_elsewhere(cost)
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """End the process."""
        self._kept.close()

    def _begin(self) -> BaseProcess:
        context = multiprocessing.get_context("spawn")  # a copy of this process would have its locks, but not their owners
        told, tell = context.Pipe(duplex=False)
        ends: dict[str, Connection] = {}
        for name, line in self._lines.items():
            ours, ends[name] = context.Pipe()
            line.connect(ours)
        process = context.Process(target=_work, args=(self._make, self.release, ends, tell), name="penchant networks", daemon=True)
        process.start()
        for end in (tell, *ends.values()):
            end.close()  # so that each side hears when the other has gone
        threading.Thread(target=self._hear, args=(told,), daemon=True).start()
        return process

    def _hear(self, told: Connection) -> None:
        with told, suppress(EOFError, OSError):
            told.recv()
            self._ready.set()

    def _gone(self) -> None:
        """Nobody can be asked until there is another process."""
        self._ready.clear()
        for line in self._lines.values():
            line.hang_up()


class _Line:
    """To one task: one question at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._end: Connection | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def connect(self, end: Connection) -> None:
        self._end = end

    def hang_up(self) -> None:
        if self._end is not None and self._lock.acquire(timeout=1):  # whoever waits for an answer hears of the end by itself
            self._end.close()
            self._lock.release()

    def ask(self, args: tuple[Any, ...], seconds: float | None) -> tuple[Any, Exception | None, float]:
        until = None if seconds is None else time.monotonic() + seconds
        if not self._lock.acquire(timeout=-1 if seconds is None else max(seconds, 0.0)):
            raise self._late()
        try:
            assert self._end is not None
            number = next(self._numbers)
            self._end.send((number, args))
            while True:  # answers that nobody waited for come first
                if until is not None and not self._end.poll(max(until - time.monotonic(), 0.0)):
                    raise self._late()
                answered, *answer = self._end.recv()
                if answered == number:
                    return tuple(answer)
        except (EOFError, OSError) as error:
            raise UnavailableError(f"{self.name!r}", "the process of the networks has ended", "try again in a few seconds") from error
        finally:
            self._lock.release()

    def _late(self) -> UnavailableError:
        return UnavailableError(f"{self.name!r}", "the process of the networks did not answer in time", "try again in a few seconds")


def _lists(model: Retriever) -> Callable[..., TopK]:
    return lambda histories, k, exclude: model.recommend(histories, k, exclude=exclude)


def _tasks(release: Path) -> Tasks:
    return tasks_of(load_release(release))


def _work(make: Callable[[Path], Tasks], release: Path, ends: Mapping[str, Connection], ready: Connection) -> None:
    """Answer until nobody can ask any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this
    if hasattr(os, "nice"):
        os.nice(NICE)
    torch.set_num_threads(1)
    tasks = make(release)
    lines = {end: tasks[name] for name, end in ends.items()}
    with suppress(OSError):  # who began this may have ended
        ready.send(True)
    while lines:
        asking = wait(list(lines))
        for end in [end for end in lines if end in asking]:  # in the order of the tasks
            if not _answered(end, lines[end]):
                del lines[end]


def _answered(end: Any, task: Callable[..., Any]) -> bool:
    """Whether the other side was there."""
    try:
        number, args = end.recv()
        began = time.thread_time()
        try:
            answer, error = task(*args), None
        except Exception as raised:  # it is for whoever asked
            answer, error = None, raised
        end.send((number, answer, error, time.thread_time() - began))
    except (EOFError, OSError):
        return False
    return True
