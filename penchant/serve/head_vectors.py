"""Live vectors of head items: each moves a little towards those who do something with it unexpectedly, see ``items.live_vectors``.

Events are taken as they come from the worker. What was seen and not yet used is lost with the process; the next events move
the vectors as well. Tail items have their released vectors, which come from their codes and texts where there are few events.

Letters: H items, V width.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import ArtifactError
from penchant.core.seeds import generator
from penchant.data.vocabulary import Vocabulary
from penchant.items.live_vectors import LiveVectorSettings, chances, from_bytes, moved, near, to_bytes
from penchant.serve.lately import Every, Lately
from penchant.serve.lessons import Lessons
from penchant.serve.stores import StateStore, Stored, Write
from penchant.serve.tiers import Tiers
from penchant.serve.user_vectors import UserVectors
from penchant.users.decay import DAY

_PERIOD = 1.0  # seconds between two steps, and that what was read is used for
_MOST = 1_000  # events that may wait
_KEPT_SECONDS = 7 * DAY
_log = logging.getLogger("penchant.serve")


@dataclass(frozen=True)
class Live:
    """Items with vectors of their own at present.

    Attributes:
        codes: int64[H].
        vectors: float32[H, V].
        among: bool[N + 1], whether an item is one of them.
    """

    codes: np.ndarray
    vectors: np.ndarray
    among: np.ndarray


class HeadVectors:
    """Kept in the store by the version of the model, for all processes that serve it.

    Args:
        store: Shared.
        users: Vectors of users, and the version of the model.
        items: Of the catalogue.
        released: float32[N, V], in code order.
        tiers: Tell the head items.
        settings: How far vectors move.
        clock: UTC seconds.
    """

    def __init__(
        self,
        store: StateStore,
        users: UserVectors,
        items: Vocabulary,
        released: np.ndarray,
        tiers: Tiers,
        *,
        settings: LiveVectorSettings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.users, self.items, self.released, self.tiers = store, users, items, released, tiers
        self.settings = settings or LiveVectorSettings()
        self._key = f"heads:{users.model}"
        self._lessons, self._drawn = Lessons(users, items, _MOST), generator(0)
        self._pace = Every(_PERIOD, clock)
        self._live = Lately(self._load, self._of(np.zeros(0, np.int64), np.zeros((0, released.shape[1]), np.float32)), _PERIOD, clock)

    def saw(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(item id, user id) of what was just done, not of what was taken back; the vectors move once a second, see ``Lessons``.

        Raises:
            StorageError: The store does not do what is asked.
        """
        if self.tiers.current().heads:
            self._lessons.add(pairs)
        if pairs and self._pace.due():
            self.step()

    def step(self) -> int:
        """Move the vectors of head items by what was seen; how many may have moved.

        Raises:
            StorageError: The store does not do what is asked.
        """
        heads = self.tiers.current().heads
        (found,) = self.store.get([self._key])
        users, codes = self._lessons.take()
        before = _vectors(found)
        after = {item: vector for item, vector in before.items() if item in heads}
        own = dict(zip(heads, self.items.encode(list(heads)).tolist(), strict=True)) if len(codes) else {}
        own = {item: code for item, code in own.items() if code}
        if own:
            now = np.array([after.get(item, self.released[code - 1]) for item, code in own.items()], np.float32)
            after = dict(zip(own, self._moved(np.array(list(own.values())), now, users, codes), strict=True))
        elif len(after) == len(before):
            return 0
        done = self.store.put({self._key: Write(to_bytes(after), 0 if found is None else found.version, _KEPT_SECONDS)})
        return len(own) if done else 0  # where somebody else was faster, the next events count

    def _moved(self, own: np.ndarray, now: np.ndarray, users: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """float32[H, V], the vectors ``now`` of items int64[H] after events float32[B, V], int64[B]."""
        place = np.full(len(self.released) + 1, -1)
        place[own] = np.arange(len(own))
        rest = np.flatnonzero(place[1:] < 0)
        some = rest if len(rest) <= self.settings.sampled else self._drawn.choice(rest, self.settings.sampled, replace=False)
        expected = chances(users, now, self.released[some], len(rest) / max(len(some), 1))
        return moved(now, self.released[own - 1], users, place[codes], expected, self.settings)

    def current(self) -> Live:
        """As of a moment ago, and never further from the released vectors than allowed.

        Raises:
            StorageError: The store cannot be read.
        """
        return self._live.now()

    def drift(self, code: int) -> float | None:
        """How far an item is from its released vector, of that one's length; None where it has no vector of its own.

        Raises:
            StorageError: The store cannot be read.
        """
        live = self.current()
        place = np.flatnonzero(live.codes == code)
        if not len(place):
            return None
        own = self.released[code - 1]
        return float(np.linalg.norm(live.vectors[place[0]] - own) / max(float(np.linalg.norm(own)), 1e-12))

    def _load(self) -> Live:
        (found,) = self.store.get([self._key])
        width = self.released.shape[1]
        stored = {item: row for item, row in _vectors(found).items() if len(row) == width and self.items.encode([item])[0]}
        codes = self.items.encode(list(stored)).astype(np.int64)
        vectors = np.array(list(stored.values()), np.float32).reshape(-1, width)
        return self._of(codes, near(vectors, self.released[codes - 1], self.settings.drift))

    def _of(self, codes: np.ndarray, vectors: np.ndarray) -> Live:
        among = np.zeros(len(self.released) + 1, bool)
        among[codes] = True
        return Live(codes, vectors, among)


def _vectors(found: Stored | None) -> dict[str, np.ndarray]:
    try:
        return {} if found is None else from_bytes(found.value)
    except ArtifactError as error:
        _log.warning("live vectors were spoilt in the store and are begun anew: %s", error)
        return {}
