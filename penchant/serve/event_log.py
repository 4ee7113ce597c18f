"""The event log: what users did since the release was made, on the disk before it is acknowledged.

SQLite in WAL mode with ``synchronous=FULL``: one ``append`` is one transaction that ends in one fsync, so what was
acknowledged survives a crash of the process and of the machine. Several threads, and several processes on one machine,
may use the same log.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.core.storage import sync_folder, writing

_APPLICATION = 0x50454E43  # "PENC": marks the file as ours
_VERSION = 1
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
_LAST = 'SELECT COALESCE(MAX("offset"), 0) FROM events'
_REPAIR = "put a copy back, or move it away (its events are then gone from the lists), and start again"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space and send it again; what was acknowledged is safe"),
    sqlite3.SQLITE_BUSY: ("another program holds the log", "send it again; if this stays, end the other program"),
    sqlite3.SQLITE_LOCKED: ("another program holds the log", "send it again; if this stays, end the other program"),
    sqlite3.SQLITE_READONLY: ("it may not be written", "give the server a data folder it may write to"),
    sqlite3.SQLITE_PERM: ("it may not be opened", "give the server a data folder it may write to"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "give the server a data folder it may write to"),
    sqlite3.SQLITE_IOERR: ("the disk refused it", "check the disk and its free space, then send it again"),
}


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One thing a user did.

    Attributes:
        event_id: Unique over the whole log: a second event of that id is a duplicate.
        event: Name of the action, or ``"undo"``.
        timestamp: UTC seconds.
        offset: Place in the log, from 1; 0 for an event that is not in it yet.
    """

    event_id: str
    user_id: str
    item_id: str
    event: str
    timestamp: int
    value: float | None = None
    offset: int = 0


@dataclass(frozen=True)
class Appended:
    """What became of an append. ``last_offset`` is the newest of the whole log."""

    accepted: int
    duplicates: int
    last_offset: int


class EventLog:
    """An append-only log in one SQLite file.

    Args:
        path: The file; made, with its folders, if it is not there.
        wait_seconds: How long a call waits for another process that is writing.

    Raises:
        ArtifactError: The file is damaged, not an event log, or of a newer version.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 5.0) -> None:
        self.path = Path(path)
        self._wait = wait_seconds
        self._open = True
        self._write_lock, self._read_lock = threading.Lock(), threading.Lock()
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._writer = self._connect()
            try:
                self._prepare()
                self._reader = self._connect()  # its own connection: reading need not wait for an fsync
                self._reader.execute("PRAGMA query_only = 1")
            except BaseException:
                self._writer.close()
                raise
        with writing(self.path):
            sync_folder(self.path.parent)

    def append(self, events: Sequence[LiveEvent]) -> Appended:
        """Write events in one transaction. When this returns they are on the disk.

        Raises:
            StorageError: The disk refused, or the log is held by another program; then none of them was written.
        """
        rows = [(event.event_id, event.user_id, event.item_id, event.event, event.timestamp, event.value) for event in events]
        with self._write_lock, self._told():
            run = self._writer.execute
            run("BEGIN IMMEDIATE")
            try:
                accepted = self._writer.executemany(_INSERT, rows).rowcount if rows else 0
                (last,) = run(_LAST).fetchone()
                run("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    run("ROLLBACK")
                raise
        return Appended(accepted, len(rows) - accepted, last)

    def read(self, from_offset: int = 1, limit: int = 1000) -> list[LiveEvent]:
        """At most ``limit`` events from ``from_offset`` on, in order."""
        rows = self._ask(f'SELECT {_COLUMNS} FROM events WHERE "offset" >= ? ORDER BY "offset" LIMIT ?', from_offset, limit)
        return [LiveEvent(*row) for row in rows]

    def of_user(self, user_id: str, newest: int = 2000) -> list[LiveEvent]:
        """The newest events of a user, oldest first."""
        rows = self._ask(f'SELECT {_COLUMNS} FROM events WHERE user_id = ? ORDER BY "offset" DESC LIMIT ?', user_id, newest)
        return [LiveEvent(*row) for row in reversed(rows)]

    def last_of_user(self, user_id: str) -> int:
        """The offset of a user's newest event; 0 where there is none."""
        rows = self._ask("SELECT newest FROM users WHERE user_id = ?", user_id)
        return rows[0][0] if rows else 0

    def users(self, limit: int = 1000) -> list[str]:
        """Ids of users with events, those who did something last first."""
        return [user_id for (user_id,) in self._ask("SELECT user_id FROM users ORDER BY newest DESC LIMIT ?", limit)]

    def last_offset(self) -> int:
        """The newest offset. Offsets have no gaps, so it is also the number of events."""
        return self._ask(_LAST)[0][0]

    def close(self) -> None:
        """Close the file. A closed log refuses everything else with a ``StorageError``."""
        with self._write_lock, self._read_lock:
            self._open = False
            self._reader.close()
            self._writer.close()

    def _ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._read_lock, self._told():
            return self._reader.execute(query, values).fetchall()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self._wait, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = 1")  # macOS: through the drive's own cache too
        return connection

    def _prepare(self) -> None:
        run = self._writer.execute
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        require(found == "ok", f"{self.path}", f"the event log is damaged ({found})", _REPAIR, ArtifactError)
        (application,), (version,) = run("PRAGMA application_id").fetchone(), run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT COUNT(*) FROM sqlite_master").fetchone()
        ours = application == _APPLICATION or (application == 0 and tables == 0)
        require(ours, f"{self.path}", "it is the database of another program", "give the server a data folder of its own", ArtifactError)
        require(
            version <= _VERSION,
            f"version {version} of {self.path}",
            f"this Penchant reads up to {_VERSION}",
            "use a newer Penchant",
            ArtifactError,
        )
        run("PRAGMA journal_mode = WAL")
        if version < _VERSION:
            self._writer.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION}; COMMIT;"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in the project's errors what SQLite could not do."""
        try:
            yield
        except sqlite3.Error as error:
            if not self._open:
                raise StorageError(f"{self.path}", "the event log is closed", "open it again") from error
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the number tells details
            if code in _DAMAGED:
                raise ArtifactError(f"{self.path}", f"the event log is damaged ({error})", _REPAIR) from error
            if code in _REFUSED:
                rule, remedy = _REFUSED[code]
                raise StorageError(f"event log {self.path}", f"{rule} ({error})", remedy) from error
            raise
