"""The change to all users' vectors that is learnt while events come in, shared by all processes over a store.

Whoever runs a worker learns: of each event, from the user's stored vector of before it. Whoever makes lists reads what was learnt.
What was seen and not yet learnt from is lost with the process, and so is what another process has learnt in the same second.

Letters: B users, V width.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np

from penchant.core.errors import ArtifactError
from penchant.data.vocabulary import Vocabulary
from penchant.models.user_adapter import AdapterSettings, UserAdapter
from penchant.serve.lately import Every, Lately
from penchant.serve.lessons import Lessons
from penchant.serve.stores import StateStore, Stored, Write
from penchant.serve.user_vectors import UserVectors
from penchant.users.decay import DAY

_PERIOD = 1.0  # seconds between two steps, and that what was read is used for
_MOST = 2_000  # events of a step; those that come then are not learnt from
_KEPT_SECONDS = 7 * DAY
_log = logging.getLogger("penchant.serve")


class LiveAdapter:
    """Kept in the store by the version of the model.

    Args:
        store: Shared.
        users: Vectors of users, and the version of the model.
        items: Of the catalogue.
        released: float32[N, V], vectors of the items in code order; inner products with users' are logits.
        settings: Of the adapter.
        clock: UTC seconds.
    """

    def __init__(
        self,
        store: StateStore,
        users: UserVectors,
        items: Vocabulary,
        released: np.ndarray,
        *,
        settings: AdapterSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.users, self.items, self.released = store, users, items, released
        self.settings = settings or AdapterSettings()
        self._key = f"adapter:{users.model}"
        self._lessons = Lessons(users, items, _MOST)
        self._pace = Every(_PERIOD, clock)
        self._adapter, self._written = UserAdapter(released, self.settings), b""
        self._current = Lately(self._load, None, _PERIOD, clock)

    def saw(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(item id, user id) of what was just done; it is learnt from once a second, see ``Lessons``.

        Raises:
            StorageError: The store does not do what is asked.
        """
        self._lessons.add(pairs)
        if len(self._lessons) and self._pace.due():
            self.step()

    def step(self) -> int:
        """Learn from what was seen; from how many events.

        Raises:
            StorageError: The store does not do what is asked.
        """
        if not len(self._lessons):
            return 0
        (found,) = self.store.get([self._key])
        vectors, codes = self._lessons.take()
        if found is None or found.value != self._written:  # somebody else has learnt, or it is gone
            self._adapter = self._opened(found) or UserAdapter(self.released, self.settings)
        self._adapter.learn(vectors, codes)
        self._written = self._adapter.to_bytes()
        done = self.store.put({self._key: Write(self._written, 0 if found is None else found.version, _KEPT_SECONDS)})
        return len(codes) if done else 0  # where somebody else was faster, that is what the next step begins with

    def adapted(self, vectors: np.ndarray) -> np.ndarray:
        """float32[B, V]: as what was learnt up to a moment ago changes them.

        Raises:
            StorageError: The store cannot be read.
        """
        current = self.current()
        return vectors if current is None or not len(vectors) else current.adapted(vectors)

    def current(self) -> UserAdapter | None:
        """As of a moment ago; None where nothing was learnt.

        Raises:
            StorageError: The store cannot be read.
        """
        return self._current.now()

    @property
    def gain(self) -> float:
        """What the adapter that was last read adds to 1 / log2(1 + place) of the items of the newest events; 0 where there is none."""
        return 0.0 if self._current.last is None else self._current.last.gain

    def _load(self) -> UserAdapter | None:
        (found,) = self.store.get([self._key])
        return self._opened(found)

    def _opened(self, found: Stored | None) -> UserAdapter | None:
        try:
            return None if found is None else UserAdapter.from_bytes(found.value, self.released, self.settings)
        except ArtifactError as error:
            _log.warning("the adapter of users was spoilt in the store and is begun anew: %s", error)
            return None
