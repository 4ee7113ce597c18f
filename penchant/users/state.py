"""What a service keeps of a user between requests: compact, versioned bytes that any process can read.

It knows items by their ids and not by the numbers of one release, so a new release reads the state of the old one.

Letters: R recent events.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from penchant.core.sealed import sealed, unsealed
from penchant.users.decay import Decayed

RECENT = 500  # events kept whole
#: What holds until it is taken back: as many of these are kept beyond the newest events, so that nothing hidden comes back with time.
OPINIONS = frozenset({"like", "dislike", "hide", "undo"})
REMEMBERED = 2_000  # events known again by their ids
_MAGIC = b"PCU3"
_SIZES = 16  # bytes of four sizes
_REPAIR = "delete it: it is made anew from the event log"


@dataclass(frozen=True, slots=True)
class Did:
    """One thing done.

    Attributes:
        action: A name of ``penchant.data.schema.ACTIONS``, or ``"undo"``.
        time: UTC seconds.
        offset: Place in its partition of the log: a release tells up to where it has read.
        partition: Of the log.
    """

    item_id: str
    action: str
    time: int
    value: float | None = None
    offset: int = 0
    partition: int = 0


@dataclass(frozen=True)
class UserState:
    """A user between requests.

    Attributes:
        recent: Newest opinions of before the newest events, then these, in the order they arrived, oldest first.
        known: 64-bit marks of the ids of the newest events, more than there are in ``recent``.
        total: Events ever counted.
        interests: Forgetting counters by label, such as ``"category:Tea"``.
    """

    recent: tuple[Did, ...] = ()
    known: tuple[int, ...] = ()
    total: int = 0
    interests: Decayed = field(default_factory=Decayed)

    def with_events(self, events: Sequence[tuple[str, Did, Sequence[str]]]) -> UserState:
        """After events (event id, what was done, labels of the item), in the order of the log.

        An event whose id is among the newest ``REMEMBERED`` counts nothing: a log delivers some of them twice.
        """
        fresh = self.fresh([event_id for event_id, _, _ in events])
        new = [event for event, counts in zip(events, fresh, strict=True) if counts]
        if not new:
            return self
        return replace(
            self,
            recent=_kept((*self.recent, *(did for _, did, _ in new))),
            known=(*self.known, *(mark_of(event_id) for event_id, _, _ in new))[-REMEMBERED:],
            total=self.total + len(new),
            interests=self.interests.add((label, did.time) for _, did, labels in new for label in labels),
        )

    def fresh(self, event_ids: Sequence[str]) -> list[bool]:
        """Whether each is the id of an event that is not counted yet, nor stands further up in the list."""
        known, found = set(self.known), []
        for mark in map(mark_of, event_ids):
            found.append(mark not in known)
            known.add(mark)
        return found

    def to_bytes(self) -> bytes:
        """As it is stored."""
        told = {
            "items": [did.item_id for did in self.recent],
            "actions": [did.action for did in self.recent],
            "values": [did.value for did in self.recent],
            "partitions": [did.partition for did in self.recent],
            "total": self.total,
        }
        interests = self.interests.to_bytes()
        head = json.dumps(told, separators=(",", ":")).encode("utf-8", "surrogatepass")
        numbers = array("q", [number for did in self.recent for number in (did.time, did.offset)]).tobytes()
        packed = zlib.compress(head + numbers + interests, level=1)
        sizes = (len(head), len(numbers), len(interests), len(packed))
        # The marks are random bits, which cannot be made smaller.
        body = array("I", sizes).tobytes() + packed + array("Q", self.known).tobytes()
        return sealed(_MAGIC, body)

    @classmethod
    def from_bytes(cls, stored: bytes) -> UserState:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged, or of another version.
        """
        body = unsealed(_MAGIC, stored, what="a user's state", remedy=_REPAIR, least=_SIZES)
        head, numbers, interests, packed = array("I", body[:_SIZES])
        content = zlib.decompress(body[_SIZES : _SIZES + packed])
        told = json.loads(content[:head].decode("utf-8", "surrogatepass"))
        placed = array("q", content[head : head + numbers])
        return cls(
            recent=tuple(map(Did, told["items"], told["actions"], placed[::2], told["values"], placed[1::2], told["partitions"])),
            known=tuple(array("Q", body[_SIZES + packed :])),
            total=told["total"],
            interests=Decayed.from_bytes(content[head + numbers : head + numbers + interests]),
        )


def _kept(done: tuple[Did, ...]) -> tuple[Did, ...]:
    """The newest events, and before them the newest opinions among the older ones."""
    return (*[did for did in done[:-RECENT] if did.action in OPINIONS][-RECENT:], *done[-RECENT:])


def mark_of(event_id: str) -> int:
    """64 bits of an event's id: among 2,000 events two are alike once in 10^13 users."""
    return int.from_bytes(hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
