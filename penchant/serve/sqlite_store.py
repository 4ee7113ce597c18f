"""The state store in one SQLite file: a change is one transaction, synced before it counts."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from penchant.core.sqlite_file import Kind, SqliteFile
from penchant.serve.events import Positions
from penchant.serve.stores import Stored, Write, key_bytes, key_text

_SCHEMA = """
CREATE TABLE IF NOT EXISTS states (key BLOB PRIMARY KEY, version INTEGER NOT NULL, value BLOB NOT NULL, ends REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS states_by_end ON states (ends) WHERE ends IS NOT NULL;
CREATE TABLE IF NOT EXISTS positions (partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS newest (version INTEGER NOT NULL);
INSERT INTO newest SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM newest);
"""
_KIND = Kind(
    "state store",
    application=0x50454E53,
    version=1,
    schema=_SCHEMA,
    repair="move it away and start again: it is made anew from the event log",
)
_STORE = """
INSERT INTO states VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value, ends = excluded.ends
"""
_MOVE = "INSERT INTO positions VALUES (?, ?) ON CONFLICT (partition) DO UPDATE SET next = excluded.next"
_AT_ONCE = 500  # keys a query


class _Other(Exception):
    """Somebody else was faster."""


class SqliteStateStore:
    """See ``penchant.serve.stores.StateStore``.

    Args:
        path: The file; made, with its folders, if it is not there.
        wait_seconds: How long a call waits for another process that is writing.
        clock: UTC seconds; values end by it.

    Raises:
        ArtifactError: The file is damaged, not a state store, or of a newer version.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 5.0, clock: Callable[[], float] = time.time) -> None:
        self._file = SqliteFile(path, _KIND, wait_seconds=wait_seconds)
        self._clock = clock

    def get(self, keys: Sequence[str]) -> list[Stored | None]:
        """See ``StateStore``."""
        names = [key_bytes(key) for key in keys]
        found = {key: Stored(value, version) for key, value, version in self._rows("key, value, version", names)}
        return [found.get(name) for name in names]

    def versions(self, keys: Sequence[str]) -> list[int]:
        """See ``StateStore``."""
        names = [key_bytes(key) for key in keys]
        found: dict[bytes, int] = dict(self._rows("key, version", names))
        return [found.get(name, 0) for name in names]

    def put(self, writes: Mapping[str, Write], *, before: Positions | None = None, after: Positions | None = None) -> bool:
        """See ``StateStore``."""
        try:
            with self._file.transaction() as connection:
                self._put(connection, writes, before or {}, after or {})
        except _Other:
            return False
        return True

    def positions(self) -> dict[int, int]:
        """See ``StateStore``."""
        return dict(self._file.ask("SELECT partition, next FROM positions ORDER BY partition"))  # type: ignore[arg-type]

    def names(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[str]:
        """See ``StateStore``."""
        low = max(key_bytes(prefix), key_bytes(after) + b"\0" if after else b"")
        high = key_bytes(prefix) + b"\xff"  # no text has a byte of 255
        query = "SELECT key FROM states WHERE key >= ? AND key < ? AND (ends IS NULL OR ends > ?) ORDER BY key LIMIT ?"
        return [key_text(key) for (key,) in self._file.ask(query, low, high, self._clock(), limit)]

    @property
    def file(self) -> SqliteFile:
        """The file it is kept in."""
        return self._file

    def close(self) -> None:
        """See ``StateStore``."""
        self._file.close()

    def _rows(self, columns: str, names: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            marks = ", ".join("?" * len(part))
            query = f"SELECT {columns} FROM states WHERE key IN ({marks}) AND (ends IS NULL OR ends > ?)"
            yield from self._file.ask(query, *part, self._clock())

    def _put(self, connection: sqlite3.Connection, writes: Mapping[str, Write], before: Positions, after: Positions) -> None:
        run, now = connection.execute, self._clock()
        run("DELETE FROM states WHERE ends <= ?", (now,))
        known = dict(run("SELECT partition, next FROM positions"))
        if any(known.get(partition) != before.get(partition) for partition in after):
            raise _Other
        named = [(key_bytes(key), write) for key, write in writes.items()]
        for key, write in named:
            row = run("SELECT version FROM states WHERE key = ?", (key,)).fetchone()
            if (row[0] if row else 0) != write.version:
                raise _Other
        kept = [(key, write) for key, write in named if write.value is not None]
        (newest,) = run("SELECT version FROM newest").fetchone()
        run("UPDATE newest SET version = ?", (newest + len(kept),))
        connection.executemany("DELETE FROM states WHERE key = ?", [(key,) for key, write in named if write.value is None])
        connection.executemany(
            _STORE,
            [
                (key, newest + place, write.value, None if write.ttl_seconds is None else now + write.ttl_seconds)
                for place, (key, write) in enumerate(kept, start=1)
            ],
        )
        connection.executemany(_MOVE, list(after.items()))
