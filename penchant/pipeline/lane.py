"""A lane: one thread that calls one generator for many requests, in batches that form by themselves.

While the generator works, requests gather; then it takes all of them at once. So nobody waits for a batch to fill, and under
load the batches grow by as much as the load does.

Letters: B rows of a batch, k places.
"""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from penchant.contracts import TopK
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.data.stacking import stacked
from penchant.pipeline.breaker import Breaker
from penchant.pipeline.pace import Pace, smoothed
from penchant.pipeline.spent import spent


class Generator(Protocol):
    """Whatever names candidates for histories: the one method of a ``Retriever`` that a request needs."""

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``penchant.contracts.Retriever``."""
        ...


@dataclass
class Asked:
    """One row that waits.

    Attributes:
        row: One history.
        exclude: One row of items that must not be named.
        since: When it came, by ``time.perf_counter``.
        done: When it was answered, by the same clock; None until then.
    """

    row: Histories
    k: int
    exclude: Histories
    answer: Future[TopK]
    since: float
    done: float | None = None


class Lane:
    """See the top of this file. Safe for several threads.

    Args:
        generator: Called by this lane's thread alone, or by callers of ``now``.
        most: B at most.
        wait_seconds: How long the first of a batch waits for others; 0 for not at all.
        waiting: Requests that may wait; more are refused at once, as they would come too late.
        breaker: Opened by failures, and by requests that were given up while nothing was answered.

    Attributes:
        batches: Calls that were answered.
        cost: Processor seconds that a row takes at present.
    """

    def __init__(
        self, generator: Generator, *, most: int = 32, wait_seconds: float = 0.0, waiting: int = 128, breaker: Breaker | None = None
    ) -> None:
        require(most >= 1, f"most={most}", "a batch has at least one row", "pass most>=1")
        require(wait_seconds >= 0, f"wait_seconds={wait_seconds:g}", "nobody waits less than no time", "pass wait_seconds>=0")
        self.generator, self.most, self.wait_seconds = generator, most, wait_seconds
        self.breaker, self.pace = breaker or Breaker(), Pace()
        self.batches = 0
        self.cost = 0.0
        self._waiting: queue.Queue[Asked | None] = queue.Queue(waiting)
        self._thread: threading.Thread | None = None
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._answered = time.perf_counter()

    def ask(self, row: Histories, k: int, exclude: Histories) -> Asked | None:
        """A row that waits for its answer; None where too many wait already or the generator rests."""
        if not self.breaker.passes():
            return None
        asked = Asked(row, k, exclude, Future(), time.perf_counter())
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, args=(self._waiting,), name=f"lane of {type(self.generator).__name__}", daemon=True
                )
                self._thread.start()
            try:
                self._waiting.put_nowait(asked)
            except queue.Full:
                return None
        return asked

    def now(self, row: Histories, k: int, exclude: Histories) -> Asked | None:
        """The same in the caller's thread, one caller at a time: for generators that take less time than a thread's waking."""
        if not self.breaker.passes():
            return None
        asked = Asked(row, k, exclude, Future(), time.perf_counter())
        with self._turn:
            self._answer([asked])
        return asked

    def give_up(self, asked: Asked) -> None:
        """Nobody waits for it any more: it is not begun if it waits still.

        It counts as a failure where nothing was answered since it came: then the generator hangs. Where others were
        answered, there were too many of them, and a rest would help nobody.
        """
        asked.answer.cancel()
        if self._answered < asked.since:
            self.breaker.failed()

    def close(self) -> None:
        """End the thread after what waits already. The next question begins another one."""
        with self._lock:
            thread, waiting = self._thread, self._waiting
            self._thread, self._waiting = None, queue.Queue(waiting.maxsize)
        if thread is not None:
            waiting.maxsize = 0  # a word for the thread itself always has room
            waiting.put(None)

    def _work(self, waiting: queue.Queue[Asked | None]) -> None:
        while (first := waiting.get()) is not None:
            batch, ended = self._gathered(first, waiting)
            wanted = [asked for asked in batch if asked.answer.set_running_or_notify_cancel()]
            for timed in (True, False):  # rows with times lose them beside rows without
                if alike := [asked for asked in wanted if asked.row.timed is timed]:
                    self._answer(alike)
            if ended:
                return

    def _gathered(self, first: Asked, waiting: queue.Queue[Asked | None]) -> tuple[list[Asked], bool]:
        """The batch that begins with ``first``, and whether the lane ends after it."""
        batch, until = [first], first.since + self.wait_seconds
        while len(batch) < self.most:
            left = until - time.perf_counter()
            try:
                asked = waiting.get(timeout=left) if left > 0 else waiting.get_nowait()
            except queue.Empty:
                break
            if asked is None:
                return batch, True
            batch.append(asked)
        return batch, False

    def _answer(self, batch: list[Asked]) -> None:
        """One call for all; where it fails each gets its own, so that no row suffers from another."""
        began = spent()
        try:
            found = self.generator.recommend(
                stacked([asked.row for asked in batch]),
                max(asked.k for asked in batch),
                exclude=stacked([asked.exclude for asked in batch]),
            )
        except Exception as error:  # whatever it is, it is told to those who asked, and the lane goes on
            if len(batch) > 1:
                for asked in batch:
                    self._answer([asked])
                return
            self.breaker.failed()
            batch[0].done = time.perf_counter()
            batch[0].answer.set_exception(error)
            return
        self.breaker.succeeded()
        self.batches += 1
        self.cost = smoothed(self.cost, (spent() - began) / len(batch))
        self._answered = now = time.perf_counter()
        for place, asked in enumerate(batch):
            self.pace.took(now - asked.since)
            asked.done = now
            asked.answer.set_result(TopK(found.items[place : place + 1, : asked.k], found.scores[place : place + 1, : asked.k]))
