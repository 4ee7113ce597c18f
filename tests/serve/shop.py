"""A log, a store, a worker and the stored vectors of one release, without a server around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from penchant.pipeline.release import Release
from penchant.serve.by_vector import ByVector
from penchant.serve.events import LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState
from penchant.serve.tiers import Tiers
from penchant.serve.worker import Worker


class Shop:
    """Events happen when a test says so, and are followed at once; ``pairs`` collects what listeners would be told."""

    def __init__(self, release: Release, folder: Path, *, clock: Callable[[], float] = time.time, tiers: Any = None, **how: Any) -> None:
        self.release, self.clock, self.logged = release, clock, 0
        self.log, self.store = SqliteEventLog(folder / "events.sqlite"), SqliteStateStore(folder / "state.sqlite")
        self.tiers = Tiers(self.store, tiers, clock=clock)
        self.state = LiveState(release.space.catalog, release.users, release.histories, self.log)
        self.by_vector = ByVector.of(release, self.store, self.state, self.tiers, starts=False, **how)
        self.items = release.space.catalog.items
        self.pairs: list[tuple[str, str]] = []
        self.worker = Worker(self.log, self.store, lambda item: [], clock=clock, seen=self.pairs.extend)

    @classmethod
    @contextmanager
    def opened(cls, release: Release, folder: Path) -> Iterator[Self]:
        """One that is closed afterwards."""
        made = cls(release, folder)
        yield made
        made.log.close()
        made.store.close()

    def follow(self, done: Iterable[tuple[str, str]], event: str = "view") -> None:
        """Users (first) do something with items."""
        at = int(self.clock())
        events = [LiveEvent(f"e{self.logged + n}", user, item, event, at) for n, (user, item) in enumerate(done)]
        self.log.append(events)
        self.logged += len(events)
        while self.worker.step():
            pass
