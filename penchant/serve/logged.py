"""The event log as a table, for jobs that read all of it: what stands at one moment, in a window of time.

Letters: E events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from penchant.core.errors import StorageError, require
from penchant.data.schema import ACTIONS, EVENTS
from penchant.data.vocabulary import Vocabulary
from penchant.serve.choices import Choices
from penchant.serve.events import EventLog, LiveEvent, Positions, Unreadable
from penchant.serve.state import UNDO, Past, standing
from penchant.users.decay import DAY
from penchant.users.state import OPINIONS

_PAGE = 10_000
_TRIES = 10  # empty pages of a second each, while the log answers otherwise, until what is left of a partition counts as late
#: Where an event lies in the log.
PLACE = {"partition": pl.Int32(), "offset": pl.Int64()}
_SCHEMA = {"event_id": pl.String()} | {name: EVENTS[name] for name in ("user_id", "item_id", "timestamp", "event", "value")} | PLACE


def read_log(log: EventLog, until: Positions) -> tuple[pl.DataFrame, dict[int, int]]:
    """All events before ``until``, in the order of the log; an id counts once, what is no event not at all.

    Args:
        log: Where they lie.
        until: The first offset of each partition that is not read.

    Returns:
        ``event_id``, of the columns of ``penchant.data.schema.EVENTS`` those that a log has, and ``PLACE``; and how far each partition was
        read. That is short of ``until`` where a log that answers gave nothing more for some seconds: a broker counts marks of its own.

    Raises:
        StorageError: The log cannot be read.
    """
    seen: set[str] = set()
    parts, reached = [], dict(until)
    for partition in sorted(until):
        for page, place in _pages(log, partition, until[partition]):
            parts.append(_frame(_fresh(page, seen)))
            reached[partition] = min(place, until[partition])
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *parts]), reached


def _pages(log: EventLog, partition: int, end: int) -> Iterator[tuple[list[LiveEvent], int]]:
    """Events, and the place after them."""
    place, empty = log.begin().get(partition, end), 0
    while place < end:
        page = log.read({partition: place}, _PAGE, wait_seconds=1.0)
        if page:
            place, empty = page[-1].offset + 1, 0
        else:
            empty += 1
            there = log.end()  # raises where the log is not there
            require(partition in there, f"partition {partition}", "the log does not know it any more", "look at the broker", StorageError)
        yield [one for one in page if not isinstance(one, Unreadable) and one.offset < end], place
        if empty >= _TRIES:
            return


def _fresh(page: Sequence[LiveEvent], seen: set[str]) -> list[LiveEvent]:
    found = []
    for event in page:
        if event.event_id not in seen:
            seen.add(event.event_id)
            found.append(event)
    return found


def _frame(events: Sequence[LiveEvent]) -> pl.DataFrame:
    rows = [(one.event_id, one.user_id, one.item_id, one.timestamp, one.event, one.value, one.partition, one.offset) for one in events]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def without_forgotten(events: pl.DataFrame, choices: Choices) -> pl.DataFrame:
    """Without what lies before the moment at which its user was forgotten, by its time or by its place in the log.

    Args:
        events: With ``user_id``, ``timestamp`` (UTC seconds) and ``PLACE``, null for what was in no log.
        choices: Who was.

    Raises:
        StorageError: The choices cannot be read.
    """
    users = events["user_id"].unique().to_list()
    chosen = zip(
        users, (choice for start in range(0, len(users), _PAGE) for choice in choices.of(users[start : start + _PAGE])), strict=True
    )
    found = {user: choice for user, choice in chosen if choice.forgotten is not None or choice.before}
    if not found:
        return events
    gone = {user: choice.forgotten for user, choice in found.items()}
    when = pl.col("user_id").replace_strict(gone, default=None, return_dtype=pl.Int64)
    kept = events.filter(when.is_null() | (pl.col("timestamp") >= when).fill_null(False))
    places = [(user, partition, offset) for user, choice in found.items() for partition, offset in choice.before.items()]
    before = pl.DataFrame(places, schema={"user_id": pl.String(), "partition": PLACE["partition"], "before": pl.Int64()}, orient="row")
    told = kept.join(before, on=["user_id", "partition"], how="left", maintain_order="left")
    return told.filter(pl.col("before").is_null() | (pl.col("offset") >= pl.col("before"))).drop("before")


def standing_events(events: pl.DataFrame) -> pl.DataFrame:
    """Without opinions that were taken back, without aversions, and without what concerns items their user hides.

    The same rule by which a server sees its users, see ``penchant.serve.state.standing``.

    Args:
        events: E rows with ``user_id``, ``item_id`` and ``event``, in the order in which they arrived.
    """
    numbered = events.with_row_index("row")
    with_opinions = numbered.join(numbered.filter(pl.col("event").is_in(list(OPINIONS))), on="user_id", how="semi", maintain_order="left")
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
