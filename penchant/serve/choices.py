"""What people chose about their data: no lists made of it, or all of it forgotten.

Choices lie in the state store under a keyed hash (HMAC-SHA256) of the user's id, so that the list of forgotten people does
not name them. They outlive releases and replays of the log, and like steering, stock, experiments, reviews and receipts they lie
in the store alone: no log can make them anew.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from penchant.core.errors import ArtifactError, StorageError
from penchant.serve.events import LiveEvent
from penchant.serve.stores import StateStore, Stored, Write

SECRET = "choices:secret"
_PREFIX = "choice:"
_MOST = 10_000  # people whose last known choice is remembered
_TRIES = 20  # against others who write


@dataclass(frozen=True)
class Choice:
    """What one person chose.

    Attributes:
        personalised: Whether lists may follow what they did.
        forgotten: UTC seconds since when nothing older is known of them; None: never.
        before: Places in the log, a partition each: what a log that cannot delete holds before them counts nothing.
    """

    personalised: bool = True
    forgotten: int | None = None
    before: Mapping[int, int] = field(default_factory=dict)

    def counts(self, event: LiveEvent) -> bool:
        """Whether an event of this person is not one that was forgotten."""
        return event.offset >= self.before.get(event.partition, 0)

    def to_bytes(self) -> bytes:
        """As it is stored."""
        told = {"personalised": self.personalised, "forgotten": self.forgotten, "before": sorted(self.before.items())}
        return json.dumps(told, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Choice:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged.
        """
        try:
            told = json.loads(stored)
            return cls(told["personalised"], told["forgotten"], {int(part): int(place) for part, place in told["before"]})
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"{len(stored)} bytes", "a person's choice is damaged", "set it again, or forget them again") from error


#: Of who cannot be asked: nothing that is known of them may be used.
UNKNOWN = Choice(personalised=False, forgotten=0)
_USUAL = Choice()


class Choices:
    """The choices of all people. Safe for several threads and processes.

    Args:
        store: Where they lie.
        clock: UTC seconds.
    """

    def __init__(self, store: StateStore, *, clock: Callable[[], float] = time.time) -> None:
        self.store, self._clock = store, clock
        self._secret: bytes | None = None
        self._last: OrderedDict[str, Choice] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, user_ids: Sequence[str]) -> list[Choice]:
        """What each chose.

        Raises:
            StorageError: The store cannot be read.
            ArtifactError: A choice is damaged.
        """
        return [_USUAL if found is None else Choice.from_bytes(found.value) for found in self._found(user_ids)]

    def one(self, user_id: str) -> Choice:
        """What a person chose; where the store cannot tell, what it told last, else ``UNKNOWN``."""
        try:
            (choice,) = self.of([user_id])
        except (StorageError, ArtifactError):
            with self._lock:
                return self._last.get(user_id, UNKNOWN)
        with self._lock:
            self._last[user_id] = choice
            self._last.move_to_end(user_id)
            while len(self._last) > _MOST:
                self._last.popitem(last=False)
        return choice

    def personalise(self, user_id: str, yes: bool) -> Choice:
        """Let lists follow what a person did, or not.

        Raises:
            StorageError: The store cannot be written.
        """
        return self._change(user_id, lambda choice: replace(choice, personalised=yes))

    def forget(self, user_id: str, before: Mapping[int, int]) -> Choice:
        """From now on, know nothing of a person that lies before these places in the log, or in a release.

        Raises:
            StorageError: The store cannot be written.
        """
        now = int(self._clock())
        return self._change(user_id, lambda choice: replace(choice, forgotten=now, before=dict(before)))

    def hashed(self, user_id: str) -> str:
        """The keyed hash of an id, 32 hexadecimal digits. The secret is made by the first who needs it.

        Raises:
            StorageError: The store cannot be read or written.
        """
        for _ in range(_TRIES):
            if self._secret is None:
                (found,) = self.store.get([SECRET])
                if found is None:
                    self.store.put({SECRET: Write(secrets.token_bytes(32))})  # of two who do, one is refused
                    continue
                self._secret = found.value
            return keyed_hash(self._secret, user_id)
        raise _busy()

    def _change(self, user_id: str, new: Callable[[Choice], Choice]) -> Choice:
        for _ in range(_TRIES):
            (found,) = self._found([user_id])  # first: it notices a secret that is gone
            key = _PREFIX + self.hashed(user_id)
            old = _USUAL if found is None else _readable(found)
            choice = new(old)
            if self.store.put({key: Write(choice.to_bytes(), 0 if found is None else found.version)}):
                with self._lock:
                    self._last[user_id] = choice
                return choice
        raise _busy()

    def _found(self, user_ids: Sequence[str]) -> list[Stored | None]:
        """One round trip, with the secret: where a store lost everything, an old secret must not outlive it."""
        for _ in range(_TRIES):
            secret = self._secret
            keys = [] if secret is None else [_PREFIX + keyed_hash(secret, user_id) for user_id in user_ids]
            now, *found = self.store.get([SECRET, *keys])
            if now is None:
                self._secret = None
                return [None] * len(user_ids)
            if now.value == secret:
                return found
            self._secret = now.value
        raise _busy()


def keyed_hash(secret: bytes, user_id: str) -> str:
    """HMAC-SHA256 of an id, the first 32 hexadecimal digits."""
    return hmac.new(secret, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]


def _readable(found: Stored) -> Choice:
    try:
        return Choice.from_bytes(found.value)
    except ArtifactError:  # whoever sets it again mends it; until then nothing is used
        return UNKNOWN


def _busy() -> StorageError:
    return StorageError(f"{_TRIES} tries", "others kept writing the same choice", "try again")
