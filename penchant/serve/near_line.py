"""The worker inside a server: a thread that follows the log while requests are answered, and what it has found out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from math import nan

from prometheus_client import CollectorRegistry, Gauge

from penchant.core.errors import StorageError
from penchant.data.catalog import Catalog
from penchant.serve.counters import TREND, totals, trending
from penchant.serve.events import EventLog
from penchant.serve.stores import StateStore, user_key
from penchant.serve.tiers import Tiers
from penchant.serve.worker import Worker
from penchant.users.state import UserState

_log = logging.getLogger("penchant.serve")
CATEGORY = "category:"
_PATIENCE = 10.0  # seconds that the last step has when the server ends


class NearLine:
    """What users do at present, a moment after they did it.

    Args:
        log: What users do.
        store: What follows from it; any number of processes may share it.
        partitions: Of the log that are followed; all by default.
    """

    def __init__(self, log: EventLog, store: StateStore, *, partitions: Iterable[int] | None = None) -> None:
        self._labels: dict[str, list[str]] = {}
        self.store = store
        self.tiers = Tiers(store)
        #: Told of (item id, user id) of what was just done; see ``Worker``. What fails is logged, and the worker goes on.
        self.listeners: list[Callable[[Sequence[tuple[str, str]]], object]] = []
        self.worker = Worker(log, store, lambda item_id: self._labels.get(item_id, ()), partitions=partitions, seen=self._seen)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def know(self, catalog: Catalog) -> None:
        """Count the interests of users by the categories of these items from now on."""
        named = zip(catalog.table["item_id"].to_list(), catalog.readable_categories().to_list(), strict=True)
        self._labels = {item_id: [CATEGORY + name for name in names or ()] for item_id, names in named}

    def start(self) -> None:
        """Follow the log from where the store says."""
        self._stop.clear()
        self._thread = threading.Thread(target=self.worker.run, args=(self._stop,), name="near-line worker", daemon=True)
        self._thread.start()

    @property
    def following(self) -> bool:
        """Whether a worker runs in this process."""
        return self._thread is not None

    def stop(self) -> None:
        """End after the step that is under way. What is not read yet is read at the next start."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE)
            self._thread = None

    def trending(self, limit: int) -> list[tuple[str, float]]:
        """Item ids and forgetting counts, the largest first.

        Raises:
            StorageError: The store cannot be read.
        """
        return trending(self.store, int(time.time()), limit)

    def count(self, item_id: str) -> float:
        """What an item's events are worth now, as in ``trending``; 0 where it is not among the items that are done most.

        Raises:
            StorageError: The store cannot be read.
        """
        return totals(self.store, TREND, [""], int(time.time()))[0].get(item_id, 0.0)

    def state(self, user_id: str) -> UserState:
        """What a user did; an empty one of somebody who did nothing.

        Raises:
            StorageError: The store cannot be read.
            ArtifactError: The state of this user is damaged.
        """
        (found,) = self.store.get([user_key(user_id)])
        return UserState() if found is None else UserState.from_bytes(found.value)

    def observe(self, registry: CollectorRegistry) -> None:
        """Tell Prometheus how the worker is doing."""
        progress = self.worker.progress
        for name, help_text, read in (
            ("penchant_worker_events", "Records read from the log and stored since the start.", lambda: progress.events),
            ("penchant_worker_dead_letters", "Records set aside since the start.", lambda: progress.dead),
            ("penchant_worker_refusals", "Times that log or store refused since the start.", lambda: progress.refused),
            ("penchant_worker_lag_events", "Records in the log that are not read yet; NaN where nobody can tell.", self._lag),
        ):
            Gauge(name, help_text, registry=registry).set_function(read)
        self.tiers.observe(registry)

    def _seen(self, pairs: Sequence[tuple[str, str]]) -> None:
        for told in (lambda _: self.tiers.step(), *self.listeners):
            try:
                told(pairs)
            except Exception:
                _log.exception("tiers or live vectors were not brought up to date; the next events will")

    def lag(self) -> int | None:
        """Records in the log that are not read yet, of all partitions; None where nobody can tell."""
        try:
            return sum(self.worker.lag().values())
        except StorageError:
            return None

    def _lag(self) -> float:
        lag = self.lag()
        return nan if lag is None else lag


def shares(state: UserState) -> list[tuple[str, float]]:
    """Categories of what a user did and their shares, the largest first; what was done long ago counts less."""
    counts = state.interests.counts
    total = sum(counts.values())
    found = [(name.removeprefix(CATEGORY), count / total) for name, count in counts.items() if name.startswith(CATEGORY)]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))
