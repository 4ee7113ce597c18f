"""Records that nothing can follow from: they are set aside with their reason, so that the log goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from penchant.serve.events import LiveEvent, Unreadable
from penchant.users.decay import DAY

#: Prefix of the keys of dead letters.
DEAD = "dead:"
#: Seconds that a dead letter is kept.
KEPT_FOR = 30 * DAY
_CONTENT = 2_000  # bytes of a dead letter that are kept, and characters of its reason

Record = LiveEvent | Unreadable


def letter(record: Unreadable) -> dict[str, bytes]:
    """What is kept of a record, by key."""
    content = record.content[:_CONTENT].decode("utf-8", "backslashreplace")
    told = {"partition": record.partition, "offset": record.offset, "reason": record.reason[:_CONTENT], "content": content}
    return {f"{DEAD}{record.partition}:{record.offset}": json.dumps(told).encode()}


def aside(record: Record, why: Exception | str) -> Unreadable:
    """A record as one that is set aside.

    Args:
        record: As it was read.
        why: What nobody could do with it.
    """
    if isinstance(record, Unreadable):
        return record
    reason = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    return Unreadable(record.partition, record.offset, reason, repr(record).encode("utf-8", "backslashreplace"))


def poison(records: Sequence[Record], tried: Callable[[Sequence[Record]], object], ours: tuple[type[Exception], ...]) -> list[Record]:
    """The records, with those set aside of which ``tried`` fails: what fails is halved until one record is left.

    Args:
        records: Of which something may be wrong.
        tried: What is done with them; it changes nothing.
        ours: Errors that are no record's doing: they are raised.
    """
    if not records:
        return []
    try:
        tried(records)
        return list(records)
    except ours:
        raise
    except Exception as error:
        if len(records) == 1:
            return [aside(records[0], error)]
    half = len(records) // 2
    return [*poison(records[:half], tried, ours), *poison(records[half:], tried, ours)]
