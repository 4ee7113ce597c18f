"""What is kept of users and made anew beside the requests: asked for at once, queued once, made in batches.

Vectors and portraits of users are. Whoever asks never waits; of all threads and processes that ask for the same user one does the
work; and what was made is stored together with the end of the claim on it, so that nothing is stored of somebody who was forgotten
meanwhile.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from penchant.core.errors import ArtifactError, StorageError, UnavailableError
from penchant.serve.refreshes import Refreshes
from penchant.serve.stores import Write

_log = logging.getLogger("penchant.serve")
T = TypeVar("T")
_PAUSE = 0.2  # seconds between two looks into the queue that others may write to
_GATHER = 0.1  # seconds that the first who asks waits for others
_REFUSED_PAUSE = 1.0  # seconds after a refusal of the store

#: What is to be stored for each user of a batch: nothing for who needs nothing. Who is left out keeps the claim, and is not tried again
#: until it ends.
Make = Callable[[list[str]], Mapping[str, Mapping[str, Write]]]


def readable(users: Sequence[str], read: Callable[[str], T]) -> dict[str, T]:
    """What can be read of each user. Whose state is spoilt is logged and left out, and holds up nobody else."""
    found = {}
    for user in users:
        try:
            found[user] = read(user)
        except ArtifactError as error:
            _log.warning("nothing is made of a user whose state is spoilt: %s", error)
    return found


class Refresher:
    """Makes anew, in a thread of its own or step by step.

    Args:
        name: Of the thread, as logs tell it.
        queue: Of who needs it.
        stale: Of some users those that need it.
        make: Makes a batch.
        works: Whether this process does the work at present; where it does not, it still asks others to.
        starts: Whether a thread starts with the first who asks; else somebody calls ``run`` or ``step``.
        batch: Users made at once.
        most_asked: Users that may wait in memory; more are dropped, and ask again.
        share: Of the thread's time that is spent at work, at most.
        dropped: Called for each user that is dropped.
        refused: Called when log or store refused.
        timed: Called with the seconds that a batch took.
    """

    def __init__(
        self,
        name: str,
        queue: Refreshes,
        stale: Callable[[Sequence[str]], list[str]],
        make: Make,
        *,
        works: Callable[[], bool] = lambda: True,
        starts: bool = True,
        batch: int = 64,
        most_asked: int = 10_000,
        share: float = 1.0,
        dropped: Callable[[], object] = lambda: None,
        refused: Callable[[], object] = lambda: None,
        timed: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self.name, self.queue, self.works, self.starts, self.share = name, queue, works, starts, share
        self._stale, self._make, self._batch, self._most_asked = stale, make, batch, most_asked
        self._dropped, self._refused, self._timed = dropped, refused, timed
        self._asked: dict[str, None] = {}  # in order
        self._lock, self._stepping = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def ask(self, users: Sequence[str]) -> None:
        """See to it soon that what is kept of these users is fresh. Returns at once, whatever the store is doing."""
        if not users:
            return
        with self._lock:
            for user in users:
                if len(self._asked) < self._most_asked or user in self._asked:
                    self._asked[user] = None
                else:
                    self._dropped()
            if self.starts and self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self.run, args=(self._stop,), name=self.name, daemon=True)
                self._thread.start()
        self._wake.set()

    def step(self) -> int:
        """Queue who asked and needs it, and make a batch of the queue if this process works; of how many users.

        Raises:
            StorageError: Log or store do not do what is asked.
        """
        with self._stepping:
            with self._lock:
                asked, self._asked = list(self._asked), {}
            if asked:
                try:
                    self.queue.want(self._stale(asked))
                except Exception:  # whatever it was, nobody is lost who asked
                    with self._lock:
                        self._asked = {**dict.fromkeys(asked), **self._asked}
                    raise
            return self._refresh() if self.works() else 0

    def forget(self, user: str) -> None:
        """Do not work for a user any more who asked before, once the step that is under way has ended."""
        with self._stepping, self._lock:
            self._asked.pop(user, None)

    def run(self, stop: threading.Event) -> None:
        """Step until ``stop`` is set. Refusals of the store are waited out, and so is what nobody has thought of."""
        while not stop.is_set():
            began = time.monotonic()
            try:
                if self.step() == 0:
                    self._wake.wait(_PAUSE)
                    stop.wait(_GATHER)  # for others who ask: one batch and one round to the store for all of them
                    self._wake.clear()
                elif self.share < 1:
                    stop.wait((time.monotonic() - began) * (1 / self.share - 1))
            except Exception as error:
                if not isinstance(error, StorageError | UnavailableError):
                    _log.exception("%s: refreshing failed, and is tried again", self.name)
                self._refused()
                stop.wait(_REFUSED_PAUSE)

    def close(self) -> None:
        """End after the batch that is under way, without waiting for it. Whoever still waits is found by others, or asks again."""
        with self._lock:
            self._stop.set()
        self._wake.set()

    def _refresh(self) -> int:
        claims = self.queue.take(self._batch)
        if not claims:
            return 0
        started = time.perf_counter()
        done = self.queue.done(claims, self._make(list(claims)))
        self._timed(time.perf_counter() - started)
        return done


class Refreshed:
    """What has a refresher, and is asked, stepped, run and closed as that is.

    Attributes:
        refresher: Keeps it fresh.
    """

    refresher: Refresher

    def ask(self, users: Sequence[str]) -> None:
        """See ``Refresher.ask``."""
        self.refresher.ask(users)

    def step(self) -> int:
        """See ``Refresher.step``."""
        return self.refresher.step()

    def run(self, stop: threading.Event) -> None:
        """See ``Refresher.run``."""
        self.refresher.run(stop)

    def close(self) -> None:
        """See ``Refresher.close``."""
        self.refresher.close()
