"""Portraits in the state store: made anew a moment after their user did something, beside the requests.

One key a user, whatever the release: so what changed is told over releases, too. A portrait of another release counts as stale.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from penchant.core.errors import ArtifactError, StorageError
from penchant.serve.portraits.metrics import PortraitMetrics
from penchant.serve.portraits.words import Kept, Proposal, Words, proposed, review_key, words_key
from penchant.serve.refresher import Refreshed, Refresher, readable
from penchant.serve.refreshes import Refreshes, places_of
from penchant.serve.state import LiveState, Person
from penchant.serve.stores import StateStore, Stored, Write, user_key
from penchant.users.portrait import Portraits
from penchant.users.stored_portrait import Prose, StoredPortrait

_log = logging.getLogger("penchant.serve")
_QUEUE = "portraits-"  # of all releases
_SHARE = 0.25  # of a core, at most: who recommends comes first
_TRIES = 20  # against others who write

Value = TypeVar("Value", bound=Kept)


def portrait_key(user_id: str) -> str:
    """Where a user's portrait lies."""
    return f"portrait:{user_id}"


@dataclass(frozen=True)
class Found:
    """What is kept of a user's portrait.

    Attributes:
        portrait: None where none was made yet, or what was is damaged.
        version: Of it.
        fresh: Whether it has seen all that the worker has, by the release that is served.
        words: What people decided; None where nobody did.
        waiting: What waits for a decision.
        place: Version of that; 0 where nothing waits.
    """

    portrait: StoredPortrait | None
    version: int
    fresh: bool
    words: Words | None
    waiting: Proposal | None
    place: int

    @property
    def left_out(self) -> list[list[str]]:
        """Interests that are not served."""
        return [] if self.words is None else self.words.left_out


class StoredPortraits(Refreshed):
    """Reads stored portraits, and has those made anew that are missing or stale.

    Args:
        store: Where they lie.
        made: Makes portraits of histories.
        release: Id of the release that ``made`` is of.
        state: What users did, and whether that may be used.
        metrics: Counted there.
        works: See ``Refresher``.
        starts: See ``Refresher``.
        clock: UTC seconds.
    """

    def __init__(
        self,
        store: StateStore,
        made: Callable[[], Portraits],
        release: str,
        state: LiveState,
        *,
        metrics: PortraitMetrics | None = None,
        works: Callable[[], bool] = lambda: True,
        starts: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.made, self.release, self.state, self.clock = store, made, release, state, clock
        self.metrics = metrics or PortraitMetrics()
        self.refresher = Refresher(
            "portraits",
            Refreshes(store, f"{_QUEUE}{release}"),
            self._stale,
            self._make,
            works=works,
            starts=starts,
            share=_SHARE,
            dropped=self.metrics.dropped.inc,
            refused=self.metrics.refused.inc,
            timed=self.metrics.seconds.observe,
        )

    def look(self, users: Sequence[str]) -> list[Found]:
        """What is kept, in one round trip beside that for versions.

        Raises:
            StorageError: The store cannot be read.
        """
        keys = [make(user) for make in (portrait_key, words_key, review_key) for user in users]
        found, count = self.store.get(keys), len(users)
        states = self.store.versions([user_key(user) for user in users])
        columns = zip(found[:count], found[count : 2 * count], found[2 * count :], states, strict=True)
        return [self._found(portrait, words, waiting, state) for portrait, words, waiting, state in columns]

    def saw(self, pairs: Sequence[tuple[str, str]]) -> None:
        """(item id, user id) of what was just done: these users' portraits are made anew, soon."""
        self.ask(list(dict.fromkeys(user for _, user in pairs)))

    def write(self, user_id: str, text: str, author: str, of: str) -> bool:
        """Keep what a language model wrote of a stored portrait, and put it before people; False where the portrait is another by now.

        Args:
            text: A few sentences.
            author: Name of the model.
            of: The portrait it was written of, see ``penchant.users.stored_portrait.digest``.

        Raises:
            StorageError: The store does not do what is asked.
        """
        for _ in range(_TRIES):
            (found,) = self.look([user_id])
            if found.portrait is None or found.portrait.prose.of != of:
                return False
            now = self.clock()
            made = found.portrait.with_words(Prose(text, author, now, found.portrait.events, of))
            if self.store.put({portrait_key(user_id): Write(made.to_bytes(), found.version), **self._asks(user_id, made, found, now)}):
                return True
        raise _busy()

    def drop(self, user_id: str) -> None:
        """Let go of a user's portrait and of what waits for a decision about it, as one who opted out has none. What people decided stays.

        Nothing that is being made meanwhile is stored afterwards: who makes it loses the claim, which is stored over.

        Raises:
            StorageError: The store does not do what is asked.
        """
        for _ in range(_TRIES):
            keys = [portrait_key(user_id), review_key(user_id), *places_of(self.store, user_id, _QUEUE)]
            gone = {key: Write(None, version) for key, version in zip(keys, self.store.versions(keys), strict=True) if version}
            if not gone or self.store.put(gone):
                return
        raise _busy()

    def _stale(self, users: Sequence[str]) -> list[str]:
        """Those who need a portrait, or to lose one. Who did nothing leaves nothing behind, not even a place in the queue."""
        found = {user: one for user, one in zip(users, self.look(users), strict=True) if not one.fresh}
        people = readable([user for user, one in found.items() if not (one.version or one.place)], self.state.unkept)
        did = {user for user, person in people.items() if person.history.num_events}
        return [user for user, one in found.items() if one.version or one.place or user in did]

    def _make(self, users: list[str]) -> dict[str, dict[str, Write]]:
        seen = self.store.versions([user_key(user) for user in users])  # before the histories: these hold at least as much
        known = dict(zip(users, zip(seen, self.look(users), strict=True), strict=True))
        results: dict[str, dict[str, Write]] = {user: {} for user, (_, found) in known.items() if found.fresh}  # others were faster
        for user, person in readable([user for user in users if user not in results], self.state.unkept).items():
            results[user] = self._writes(user, person, *known[user])
        self.metrics.made.inc(sum(map(bool, results.values())))
        return results

    def _writes(self, user: str, person: Person, seen: int, found: Found) -> dict[str, Write]:
        if not person.personalised or (not person.history.num_events and found.portrait is None):
            kept = {portrait_key(user): found.version, review_key(user): found.place}  # who opted out has none
            return {key: Write(None, version) for key, version in kept.items() if version}
        now = self.clock()
        portrait = self.made().of(person.history)
        values = portrait.plain(self.state.catalog.items.ids)
        made = StoredPortrait.of(values, portrait.prose(), release=self.release, made=now, seen=seen, before=found.portrait)
        return {portrait_key(user): Write(made.to_bytes(), found.version), **self._asks(user, made, found, now)}

    def _asks(self, user: str, made: StoredPortrait, found: Found, now: float) -> dict[str, Write]:
        """What is put before people after a portrait was made."""
        asks = proposed(made, found.words, found.waiting, now)
        return {} if asks is None else {review_key(user): Write(asks.to_bytes(), found.place)}

    def _found(self, portrait: Stored | None, words: Stored | None, waiting: Stored | None, state: int) -> Found:
        try:
            known = None if portrait is None else StoredPortrait.from_bytes(portrait.value)
        except ArtifactError as error:  # it is made anew
            _log.warning("a user's portrait was spoilt in the store: %s", error)
            known = None
        fresh = known is not None and known.release == self.release and state <= known.seen
        return Found(
            known,
            0 if portrait is None else portrait.version,
            fresh,
            _kept(Words, words),
            _kept(Proposal, waiting),
            0 if waiting is None else waiting.version,
        )


def _busy() -> StorageError:
    return StorageError(f"{_TRIES} tries", "others kept writing this user's portrait", "try again")


def _kept(kind: type[Value], found: Stored | None) -> Value | None:
    try:
        return None if found is None else kind.from_bytes(found.value)
    except ArtifactError as error:
        _log.error("what people decided about a user's portrait was spoilt in the store: %s", error)
        return None
