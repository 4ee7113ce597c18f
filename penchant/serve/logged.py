"""The event log as a table, for jobs that read all of it: what stands at one moment, in a window of time.

Letters: E events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from penchant.core.errors import require
from penchant.data.schema import ACTIONS, EVENTS
from penchant.data.vocabulary import Vocabulary
from penchant.serve.choices import Choices
from penchant.serve.events import EventLog, LiveEvent, Positions, Unreadable
from penchant.serve.state import UNDO, Past, standing
from penchant.users.decay import DAY

_PAGE = 10_000
_SCHEMA = {"event_id": pl.String()} | {name: EVENTS[name] for name in ("user_id", "item_id", "timestamp", "event", "value")}
_OPINIONS = ("like", "dislike", "hide", UNDO)


def read_log(log: EventLog, until: Positions) -> pl.DataFrame:
    """All events before ``until``, in the order of the log; an id counts once, what is no event not at all.

    Args:
        log: Where they lie.
        until: The first offset of each partition that is not read.

    Returns:
        ``event_id``, and of the columns of ``penchant.data.schema.EVENTS`` those that a log has.

    Raises:
        StorageError: The log cannot be read.
    """
    seen: set[str] = set()
    parts = [_frame(_fresh(page, seen)) for partition in sorted(until) for page in _pages(log, partition, until[partition])]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts])


def _pages(log: EventLog, partition: int, end: int) -> Iterator[list[LiveEvent]]:
    place = log.begin().get(partition, end)
    while place < end:
        page = log.read({partition: place}, _PAGE, wait_seconds=1.0)
        yield [one for one in page if not isinstance(one, Unreadable) and one.offset < end]
        if not page:
            return  # the last offsets hold nothing: a broker counts its own marks, too
        place = page[-1].offset + 1


def _fresh(page: Sequence[LiveEvent], seen: set[str]) -> list[LiveEvent]:
    found = []
    for event in page:
        if event.event_id not in seen:
            seen.add(event.event_id)
            found.append(event)
    return found


def _frame(events: Sequence[LiveEvent]) -> pl.DataFrame:
    rows = [(one.event_id, one.user_id, one.item_id, one.timestamp, one.event, one.value) for one in events]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def without_forgotten(events: pl.DataFrame, choices: Choices) -> pl.DataFrame:
    """Without what lies before the moment at which its user was forgotten.

    Args:
        events: With ``user_id`` and ``timestamp``, UTC seconds.
        choices: Who was.

    Raises:
        StorageError: The choices cannot be read.
    """
    users = events["user_id"].unique().to_list()
    chosen = zip(
        users, (choice for start in range(0, len(users), _PAGE) for choice in choices.of(users[start : start + _PAGE])), strict=True
    )
    gone = {user: choice.forgotten for user, choice in chosen if choice.forgotten is not None}
    if not gone:
        return events
    when = pl.col("user_id").replace_strict(gone, default=None, return_dtype=pl.Int64)
    return events.filter(when.is_null() | (pl.col("timestamp") >= when).fill_null(False))


def standing_events(events: pl.DataFrame) -> pl.DataFrame:
    """Without opinions that were taken back, without aversions, and without what concerns items their user hides.

    The same rule by which a server sees its users, see ``penchant.serve.state.standing``.

    Args:
        events: E rows with ``user_id``, ``item_id`` and ``event``, in the order in which they arrived.
    """
    numbered = events.with_row_index("row")
    with_opinions = numbered.join(numbered.filter(pl.col("event").is_in(_OPINIONS)), on="user_id", how="semi", maintain_order="left")
    gone: list[np.ndarray] = []
    for (_,), own in with_opinions.group_by("user_id", maintain_order=True):
        stands, _, _ = standing(_past(own))
        gone.append(own["row"].to_numpy()[~stands])
    mask = np.ones(len(events), bool)
    mask[np.concatenate([np.zeros(0, np.int64), *gone]).astype(np.int64)] = False
    return events.filter(mask)


def _past(own: pl.DataFrame) -> Past:
    items = Vocabulary(own["item_id"].unique().sort()).encode(own["item_id"].to_list())
    names = own["event"].fill_null("").to_list()
    rows = [(int(item), name if name in (UNDO, *ACTIONS) else "other", 0) for item, name in zip(items, names, strict=True)]
    return Past.of(rows, live=True)


def window(events: pl.DataFrame, *, until: int, days: int) -> pl.DataFrame:
    """Events of the ``days`` before ``until``: one that is exactly so old is the oldest of them, one of ``until`` is too new.

    Args:
        events: With ``timestamp``, UTC seconds.
        until: UTC seconds.
        days: Of 86,400 seconds.

    Raises:
        InputError: No event lies there, or some have no time.
    """
    require(days >= 1, f"days={days}", "a window has at least one day", "pass days>=1")
    times = events["timestamp"]
    require(times.null_count() == 0, f"{times.null_count():,} events without a time", "a window is one of time", "give every event a time")
    found = events.filter((pl.col("timestamp") >= until - days * DAY) & (pl.col("timestamp") < until))
    newest = f"the newest is of {times.max()}" if len(events) else "there are none"
    require(len(found) > 0, f"until={until}, days={days}", f"no event lies in the window ({newest})", "pass another time, or more days")
    return found
