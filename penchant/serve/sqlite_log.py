"""The event log in one SQLite file: on the disk before it is acknowledged, one partition, offsets from 1 without gaps.

Threads that append at the same time share one transaction and so one fsync (group commit): the first of them writes for
all who came while the disk was busy.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from penchant.core.sqlite_file import Kind, SqliteFile
from penchant.serve.events import Appended, Erased, LiveEvent, Positions
from penchant.users.state import OPINIONS

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    "offset" INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    event TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    value REAL
);
CREATE INDEX IF NOT EXISTS events_of_user ON events (user_id, "offset");
CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, events INTEGER NOT NULL, newest INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS users_by_newest ON users (newest);
CREATE TRIGGER IF NOT EXISTS count_user AFTER INSERT ON events BEGIN
    INSERT INTO users VALUES (new.user_id, 1, new."offset")
    ON CONFLICT (user_id) DO UPDATE SET events = events + 1, newest = new."offset";
END;
"""
_COLUMNS = 'event_id, user_id, item_id, event, timestamp, value, "offset"'
_INSERT = """
INSERT INTO events (event_id, user_id, item_id, event, timestamp, value) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (event_id) DO NOTHING
"""
_ERASE = """
UPDATE events SET event_id = char(1) || "offset", user_id = '', item_id = '', event = '', timestamp = 0, value = NULL WHERE user_id = ?
"""  # no event of a request has such an id, as ids hold no control characters
_TRACES = 'SELECT event_id, user_id, item_id FROM events WHERE user_id = ? ORDER BY "offset" DESC LIMIT ?'  # as they lie in a row
_MOST_TRACES = 16
_LAST = 'SELECT COALESCE(MAX("offset"), 0) FROM events'
_KIND = Kind(
    "event log",
    application=0x50454E43,
    version=1,
    schema=_SCHEMA,
    repair="put a copy back, or move it away (its events are then gone from the lists), and start again",
)
_MOST = 10_000  # events a transaction: more would keep those who wait for it too long
_PAUSE = 0.02  # seconds between looks for a new event

Rows = list[tuple[str, str, str, str, int, float | None]]


class SqliteEventLog:
    """See ``penchant.serve.events.EventLog``; it also finds the events of a user.

    Args:
        path: The file; made, with its folders, if it is not there.
        wait_seconds: How long a call waits for another process that is writing.

    Raises:
        ArtifactError: The file is damaged, not an event log, or of a newer version.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 5.0) -> None:
        self._file = SqliteFile(path, _KIND, wait_seconds=wait_seconds)
        self.path = self._file.path
        self._waiting: list[tuple[Rows, Future[Appended]]] = []
        self._queue, self._writes = threading.Lock(), threading.Lock()

    def append(self, events: Sequence[LiveEvent]) -> Appended:
        """Write events, all or none. When this returns they are on the disk.

        Raises:
            StorageError: The disk refused, or the log is held by another program; then none of them was written.
        """
        rows: Rows = [(event.event_id, event.user_id, event.item_id, event.event, event.timestamp, event.value) for event in events]
        done: Future[Appended] = Future()
        with self._queue:
            self._waiting.append((rows, done))
        with self._writes:  # whoever waited here may find that somebody else wrote for it
            while not done.done():
                self._write(self._taken())
        return done.result()

    def read(self, start: Positions, limit: int = 1000, wait_seconds: float = 0.0) -> list[LiveEvent | Erased]:
        """See ``EventLog``. The one partition is 0."""
        deadline = time.monotonic() + wait_seconds
        query = f'SELECT {_COLUMNS} FROM events WHERE "offset" >= ? ORDER BY "offset" LIMIT ?'
        while True:
            rows = self._file.ask(query, start[0], limit) if 0 in start else []
            if rows or time.monotonic() >= deadline:
                return [LiveEvent(*row) if row[1] else Erased(0, row[-1], "erased", b"") for row in rows]
            time.sleep(_PAUSE)

    def begin(self) -> dict[int, int]:
        """See ``EventLog``."""
        return {0: 1}

    def end(self) -> dict[int, int]:
        """See ``EventLog``."""
        return {0: self.last_offset() + 1}

    def of_user(self, user_id: str, newest: int = 2000) -> list[LiveEvent]:
        """See ``UserEvents``."""
        order = 'ORDER BY "offset" DESC LIMIT ?'
        rows = self._file.ask(f"SELECT {_COLUMNS} FROM events WHERE user_id = ? {order}", user_id, newest)
        if len(rows) < newest:
            return [LiveEvent(*row) for row in reversed(rows)]
        first, marks = LiveEvent(*rows[-1]).offset, ", ".join("?" * len(OPINIONS))
        older = f'SELECT {_COLUMNS} FROM events WHERE user_id = ? AND "offset" < ? AND event IN ({marks}) {order}'
        return [LiveEvent(*row) for row in reversed([*rows, *self._file.ask(older, user_id, first, *OPINIONS, newest)])]

    def last_of_user(self, user_id: str) -> int:
        """The offset of a user's newest event; 0 where there is none."""
        rows = self._file.ask("SELECT newest FROM users WHERE user_id = ?", user_id)
        return rows[0][0] if rows else 0

    def users(self, limit: int = 1000) -> list[str]:
        """Ids of users with events, those who did something last first."""
        return [user_id for (user_id,) in self._file.ask("SELECT user_id FROM users ORDER BY newest DESC LIMIT ?", limit)]

    def erase(self, user_id: str) -> tuple[int, list[bytes]]:
        """Overwrite the events of a user. Their places stay, so that whoever follows the log goes on without a gap.

        Returns:
            How many it were, and bytes that stood in the file for the newest of them: nothing may hold these any more.

        Raises:
            StorageError: The disk refused, or the log is held by another program; then nothing was erased.
        """
        with self._writes, self._file.transaction() as connection:
            newest = connection.execute(_TRACES, (user_id, _MOST_TRACES)).fetchall()
            count = connection.execute(_ERASE, (user_id,)).rowcount
            connection.execute("DELETE FROM users WHERE user_id = ?", (user_id,))
        return count, ["".join(row).encode("utf-8") for row in newest]

    def count_of_user(self, user_id: str) -> int:
        """How often a user is in the log: events, and once more in the list of users."""
        return sum(self._file.ask(f"SELECT COUNT(*) FROM {table} WHERE user_id = ?", user_id)[0][0] for table in ("events", "users"))

    @property
    def file(self) -> SqliteFile:
        """The file it is kept in."""
        return self._file

    def last_offset(self) -> int:
        """The newest offset. Offsets have no gaps, so it is also the number of events that were ever logged."""
        return self._file.ask(_LAST)[0][0]

    def close(self) -> None:
        """See ``EventLog``."""
        self._file.close()

    def _taken(self) -> list[tuple[Rows, Future[Appended]]]:
        """What waits, oldest first, up to ``_MOST`` events; at least one append."""
        with self._queue:
            count, total = 0, 0
            while count < len(self._waiting) and (count == 0 or total + len(self._waiting[count][0]) <= _MOST):
                total += len(self._waiting[count][0])
                count += 1
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
        return taken

    def _write(self, group: list[tuple[Rows, Future[Appended]]]) -> None:
        """One transaction for a group. If it is refused, each is tried alone, so that none fails for another's sake."""
        try:
            with self._file.transaction() as connection:
                found = [self._inserted(connection, rows) for rows, _ in group]
        except BaseException as error:
            if len(group) > 1 and isinstance(error, Exception):
                for one in group:
                    self._write([one])
                return
            for _, done in group:
                done.set_exception(error)
            return
        for (_, done), appended in zip(group, found, strict=True):
            done.set_result(appended)

    @staticmethod
    def _inserted(connection: sqlite3.Connection, rows: Rows) -> Appended:
        accepted = connection.executemany(_INSERT, rows).rowcount if rows else 0
        (last,) = connection.execute(_LAST).fetchone()
        return Appended(accepted, len(rows) - accepted, {0: last})
