"""What a person asked for every list of theirs, until they take it back: kept in the state store, so that all servers obey."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence

from pydantic import Field

from penchant.core.errors import ArtifactError, SettingsError, StorageError, UnknownIdError, require
from penchant.core.settings import Settings
from penchant.pipeline.steering import Steering
from penchant.serve.portraits.words import Words, words_key
from penchant.serve.stores import StateStore, Stored, Write

MOST = 50  # directives of a user that hold at a time
_TRIES = 20  # against others who write


class Directive(Settings):
    """One thing that was asked for.

    Attributes:
        id: To take it back by.
        said: UTC seconds.
        ends: UTC seconds from which on it holds no more.
        steering: What was asked. Days in it are those of the time when it was said.
    """

    id: str
    said: int
    ends: int
    steering: Steering = Field(default=Steering())


Change = Callable[[tuple[Directive, ...]], tuple[Directive, ...]]


def steering_key(user_id: str) -> str:
    """Where a user's directives lie."""
    return f"steering:{user_id}"


class Directives:
    """Those of all users.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: StateStore) -> None:
        self.store = store

    def of(self, user_id: str, now: int) -> tuple[Directive, ...]:
        """What holds for a user, the oldest first.

        Raises:
            StorageError: The store cannot be read.
            ArtifactError: What is kept is damaged.
        """
        (found,) = self.store.get([steering_key(user_id)])
        return _standing(found, now)

    def standing(self, user_id: str, now: int) -> Steering:
        """All that holds for a user as one, with the interests that were taken out of the portrait.

        Raises:
            StorageError: The store cannot be read.
            ArtifactError: What is kept is damaged.
        """
        found, decided = self.store.get([steering_key(user_id), words_key(user_id)])
        left_out = [] if decided is None else Words.from_bytes(decided.value).left_out
        return together(_standing(found, now)) + Steering(untold=tuple(map(tuple, left_out)))

    def add(self, user_id: str, steering: Steering, now: int, ttl_seconds: int) -> tuple[Directive, ...]:
        """Let something hold for so long; what holds then.

        Raises:
            InputError: There are ``MOST`` already.
            StorageError: The store did not do what was asked.
            ArtifactError: What is kept is damaged.
        """

        def added(known: tuple[Directive, ...]) -> tuple[Directive, ...]:
            require(len(known) < MOST, f"{len(known)} directives", f"at most {MOST} hold at a time", "take some back first")
            return (*known, Directive(id=uuid.uuid4().hex, said=now, ends=now + ttl_seconds, steering=steering))

        return self._change(user_id, now, added)

    def undo(self, user_id: str, directive: str | None, now: int) -> tuple[Directive, ...]:
        """Take one back, or all, whatever state they are in; what holds then.

        Raises:
            UnknownIdError: None of that id holds.
            StorageError: The store did not do what was asked.
        """

        def left(known: tuple[Directive, ...]) -> tuple[Directive, ...]:
            kept = tuple(one for one in known if one.id != directive)
            unknown = "none of that id holds for this user"
            require(len(kept) < len(known), f"directive={directive!r}", unknown, "pass one that does", UnknownIdError)
            return kept

        return self._change(user_id, now, None if directive is None else left)

    def _change(self, user_id: str, now: int, change: Change | None) -> tuple[Directive, ...]:
        """Store what a change makes of what holds; without one, nothing."""
        key = steering_key(user_id)
        for _ in range(_TRIES):
            (found,) = self.store.get([key])
            after = () if change is None else change(_standing(found, now))
            value = json.dumps([one.plain() for one in after]).encode() if after else None
            ttl = max((one.ends - now for one in after), default=0)
            if self.store.put({key: Write(value, 0 if found is None else found.version, ttl if after else None)}):
                return after
        raise StorageError(f"{_TRIES} tries", "others kept changing what holds for this user", "try again")


def together(directives: Sequence[Directive]) -> Steering:
    """All of them as one."""
    return sum((one.steering for one in directives), Steering())


def _standing(found: Stored | None, now: int) -> tuple[Directive, ...]:
    try:
        known = [] if found is None else [Directive.of(one) for one in json.loads(found.value)]
    except (ValueError, TypeError, SettingsError) as error:
        raise ArtifactError("directives", f"what is kept of this user cannot be read ({error})", "take them all back") from error
    return tuple(one for one in known if one.ends > now)
