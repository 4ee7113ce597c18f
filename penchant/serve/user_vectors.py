"""Vectors of users, made beside the requests: who asks gets what is stored at once, or nothing, and a new one is made soon.

The serving contract of the User Behavioral Service (YouTube, RecSys 2024, doi:10.1145/3640457.3688030): a miss is an empty
vector and schedules one refresh, so cost follows the refreshes and not the requests. Vectors are kept by model version, so
those of two models never meet, and follow from events alone: one is stale when its user did something since, not when it
is old.

Letters: B users, V width.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Protocol

import numpy as np
from pydantic import Field

from penchant.core.errors import ArtifactError, InputError, StorageError
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.stacking import stacked
from penchant.serve.refresher import Refreshed, Refresher, readable
from penchant.serve.refreshes import Refreshes
from penchant.serve.stores import StateStore, Stored, Write, user_key
from penchant.serve.vector_metrics import VectorMetrics
from penchant.users.decay import DAY
from penchant.users.vector import UserVector

_log = logging.getLogger("penchant.serve")


class VectorSettings(Settings):
    """How vectors are kept and made."""

    kept_seconds: float = Field(default=7 * DAY, gt=0, description="after which a vector is gone; those of old models, too")
    batch: int = Field(default=64, ge=1, description="users refreshed in one call of the model")
    most_asked: int = Field(default=10_000, ge=1, description="users that may wait in memory; more are dropped, and ask again")


class Encoder(Protocol):
    """Makes vectors of histories; see ``penchant.models.dense_head.DenseHead``."""

    def users(self, histories: Histories) -> np.ndarray:
        """float32[B, V]."""
        ...


@dataclass(frozen=True)
class Read:
    """A stored vector, and whether it has seen all that the worker has."""

    vector: UserVector
    fresh: bool


def vector_key(user_id: str, model: str) -> str:
    """Where a user's vector lies."""
    return f"vector:{user_id}:{model}"


class UserVectors(Refreshed):
    """Reads stored vectors, and has those made anew that are missing or stale.

    Args:
        store: Of vectors, of the queue, and of users' states, whose versions tell what is stale.
        encoder: The model.
        model: Its version.
        history: What a user did, as one row.
        metrics: Counted there.
        works: Whether this process makes vectors at present; where it does not, it still asks others to.
        starts: Whether a thread starts with the first who asks; else somebody calls ``run`` or ``step``.
        settings: How they are kept and made.
        clock: UTC seconds.
    """

    def __init__(
        self,
        store: StateStore,
        encoder: Encoder,
        model: str,
        history: Callable[[str], Histories],
        *,
        metrics: VectorMetrics | None = None,
        works: Callable[[], bool] = lambda: True,
        starts: bool = True,
        settings: VectorSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.encoder, self.model, self.history = store, encoder, model, history
        self.metrics, self.settings, self.clock = metrics or VectorMetrics(), settings or VectorSettings(), clock
        self.metrics.waiting.set_function(self._waiting)
        self.refresher = Refresher(
            "user vectors",
            Refreshes(store, model),
            self._stale,
            self._make,
            works=works,
            starts=starts,
            batch=self.settings.batch,
            most_asked=self.settings.most_asked,
            dropped=self.metrics.dropped.inc,
            refused=self.metrics.refreshes.labels("refused").inc,
            timed=self.metrics.refresh_seconds.observe,
        )

    def read(self, users: Sequence[str]) -> list[Read | None]:
        """The stored vector of each user, or None at once; what is missing or stale is asked for.

        Raises:
            StorageError: The store cannot be read.
        """
        found = self.look(users)
        now = self.clock()
        for one in found:
            if one is None:
                self.metrics.reads.labels("miss").inc()
            else:
                self.metrics.reads.labels("fresh" if one.fresh else "stale").inc()
                self.metrics.age.observe(max(now - one.vector.made, 0.0))
        self.ask([user for user, one in zip(users, found, strict=True) if one is None or not one.fresh])
        return found

    def look(self, users: Sequence[str]) -> list[Read | None]:
        """What is stored, without counting, and without asking for what is not.

        Raises:
            StorageError: The store cannot be read.
        """
        found = self.store.get([vector_key(user, self.model) for user in users])
        states = self.store.versions([user_key(user) for user in users])
        vectors = map(_vector, found)
        return [None if one is None else Read(one, state <= one.seen) for one, state in zip(vectors, states, strict=True)]

    @property
    def queue(self) -> Refreshes:
        """Of who needs a vector."""
        return self.refresher.queue

    def _waiting(self) -> float:
        try:
            return float(self.queue.waiting())
        except StorageError:
            return nan  # a scrape is answered all the same

    def _stale(self, users: Sequence[str]) -> list[str]:
        return [user for user, one in zip(users, self.look(users), strict=True) if one is None or not one.fresh]

    def _make(self, users: list[str]) -> dict[str, dict[str, Write]]:
        before = self.store.versions([vector_key(user, self.model) for user in users])
        seen = self.store.versions([user_key(user) for user in users])  # before the histories: these hold at least as much
        needed = self._stale(users)  # others may have been faster
        histories = readable(needed, self.history)
        results: dict[str, dict[str, Write]] = {user: {} for user in users if user in histories or user not in needed}
        rows = {place: histories[user] for place, user in enumerate(users) if user in histories}
        for timed in (True, False):  # rows with times lose them beside rows without
            places = [place for place, row in rows.items() if row.timed is timed and row.num_events]
            vectors = self.encoder.users(stacked([rows[place] for place in places])) if places else ()
            for place, values in zip(places, vectors, strict=True):
                user, history = users[place], rows[place]
                made = UserVector(values, history.num_events, int(history.times.max()) if timed else -1, self.clock(), seen[place])
                try:
                    stored = made.to_bytes()
                except InputError:  # it keeps its claim, so that nobody tries again at once
                    self.metrics.refreshes.labels("failed").inc()
                    del results[user]
                    continue
                results[user] = {vector_key(user, self.model): Write(stored, before[place], self.settings.kept_seconds)}
        self.metrics.refreshes.labels("made").inc(sum(map(bool, results.values())))
        return results


def _vector(found: Stored | None) -> UserVector | None:
    try:
        return None if found is None else UserVector.from_bytes(found.value)
    except ArtifactError as error:  # it is made anew
        _log.warning("a user's vector was spoilt in the store: %s", error)
        return None
