"""The log of served answers in one SQLite file, written beside the requests.

An answer waits in memory until the writer takes it, at most a moment: a crash of the process loses that moment's answers,
never an event. Where the disk does not keep up, answers are dropped and counted rather than requests delayed.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from penchant.core.errors import StorageError, UnknownIdError, require
from penchant.core.sqlite_file import Kind, SqliteFile
from penchant.serve.served import Served

_SCHEMA = """
CREATE TABLE IF NOT EXISTS served (request_id TEXT PRIMARY KEY, at REAL NOT NULL, user_id TEXT, answer BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS served_by_time ON served (at, request_id);
CREATE INDEX IF NOT EXISTS served_to_user ON served (user_id) WHERE user_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, at REAL NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
"""
_KIND = Kind(
    "log of answers",
    application=0x50454E41,
    version=1,
    schema=_SCHEMA,
    repair="move it away and start again: older answers can then not be made again",
)
_INSERT = "INSERT OR REPLACE INTO served VALUES (?, ?, ?, ?)"
_COLUMNS = "request_id, at, user_id, answer"
_APART = ("request_id", "at", "user_id")  # columns of their own
_AT_ONCE = 1_000  # answers a transaction
_GATHER = 0.2  # seconds that answers wait for others: a sync costs the same for many
_PAUSE = 1.0  # seconds after the disk refused
_PATIENCE, _LOOK = 5.0, 0.01  # seconds
_CLEAR = 600.0  # seconds between two looks for what is too old
_AGAIN = 86_400.0  # seconds after which what answers share is noted once more as in use
_KEEP = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at"

Row = tuple[str, float, str | None, bytes]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What answers share."""

    name: str
    at: float
    content: str


class SqliteServedLog:
    """See ``penchant.serve.served.ServedLog``.

    Args:
        path: The file; made, with its folders, if it is not there.
        keep_seconds: After which an answer is deleted.
        most_waiting: Answers in memory; further ones are dropped.
        clock: UTC seconds.

    Attributes:
        dropped: Answers that were not kept, since the start.

    Raises:
        ArtifactError: The file is damaged, of another kind, or of a newer version.
        StorageError: The disk refused.
    """

    def __init__(
        self, path: Path, *, keep_seconds: float = 7 * 86_400, most_waiting: int = 10_000, clock: Callable[[], float] = time.time
    ) -> None:
        self._file = SqliteFile(path, _KIND)
        self._keep, self._clock = keep_seconds, clock
        self._waiting: queue.Queue[Served | _Kept] = queue.Queue(most_waiting)
        self._noted: dict[str, float] = {}  # what answers share, and when that was written
        self._ended, self.dropped = threading.Event(), 0
        self._counting, self._put_in, self._taken_out = threading.Lock(), 0, 0
        self._thread = threading.Thread(target=self._run, name="log of answers", daemon=True)
        self._thread.start()

    def append(self, served: Served) -> None:
        """See ``ServedLog``. The newer of two answers of one request id stays."""
        self._put(served)

    def keep(self, content: str) -> str:
        """See ``ServedLog``. Written the first time on a day."""
        name, now = hashlib.sha256(content.encode()).hexdigest()[:32], self._clock()
        if now - self._noted.get(name, -inf) > _AGAIN:
            self._noted[name] = now
            self._put(_Kept(name, now, content))
        return name

    def kept(self, name: str) -> str:
        """See ``ServedLog``."""
        rows = self._file.ask("SELECT content FROM kept WHERE name = ?", name)
        require(len(rows) == 1, f"{name!r}", "nothing is kept under this name", "ask for a newer answer", UnknownIdError)
        return zlib.decompress(rows[0][0]).decode()

    def flush(self) -> None:
        """See ``ServedLog``.

        Raises:
            StorageError: The disk refuses for too long.
        """
        ends, these = time.monotonic() + _PATIENCE, self._put_in  # not those that come meanwhile: under load some always wait
        while self._taken_out < these:
            late = time.monotonic() > ends
            require(not late, f"{self._file.path}", "answers wait for the disk", "free some space, or try again", StorageError)
            time.sleep(_LOOK)

    def get(self, request_id: str) -> Served | None:
        """See ``ServedLog``."""
        rows = self._file.ask(f"SELECT {_COLUMNS} FROM served WHERE request_id = ?", request_id)
        return _served(*rows[0]) if rows else None

    def since(self, at: float, limit: int = 1000, after: str = "") -> list[Served]:
        """See ``ServedLog``."""
        query = f"SELECT {_COLUMNS} FROM served WHERE (at, request_id) > (?, ?) ORDER BY at, request_id LIMIT ?"
        return [_served(*row) for row in self._file.ask(query, at, after, limit)]

    def of_user(self, user_id: str) -> list[Served]:
        """See ``ServedLog``."""
        self.flush()
        query = f"SELECT {_COLUMNS} FROM served WHERE user_id = ? ORDER BY at, request_id"
        return [_served(*row) for row in self._file.ask(query, user_id)]

    def users(self, after: str = "", limit: int = 1000) -> list[str]:
        """See ``ServedLog``."""
        rows = self._file.ask("SELECT DISTINCT user_id FROM served WHERE user_id > ? ORDER BY user_id LIMIT ?", after, limit)
        return [user_id for (user_id,) in rows]

    def forget(self, user_id: str, before: float = inf) -> int:
        """See ``ServedLog``."""
        self.flush()
        with self._file.transaction() as connection:
            return connection.execute("DELETE FROM served WHERE user_id = ? AND at < ?", (user_id, before)).rowcount

    @property
    def file(self) -> SqliteFile:
        """The file it is kept in."""
        return self._file

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self._ended.set()
        self._thread.join()
        self._file.close()

    def _put(self, one: Served | _Kept) -> None:
        with self._counting:
            try:
                self._waiting.put_nowait(one)
                self._put_in += 1
                return
            except queue.Full:
                pass
        self._drop([one])

    def _drop(self, taken: Sequence[Served | _Kept]) -> None:
        self.dropped += sum(isinstance(one, Served) for one in taken)
        for one in taken:
            if isinstance(one, _Kept):
                self._noted.pop(one.name, None)  # the next answer tries again

    def _run(self) -> None:
        cleared = float("-inf")
        while not (self._ended.is_set() and self._waiting.empty()):
            taken = self._taken()
            if taken and not self._written(taken):
                self._drop(taken)
            self._taken_out += len(taken)
            if time.monotonic() - cleared > _CLEAR:
                cleared = time.monotonic()
                self._clear()

    def _taken(self) -> list[Served | _Kept]:
        try:
            taken = [self._waiting.get(timeout=_GATHER)]
        except queue.Empty:
            return []
        self._ended.wait(_GATHER)
        while len(taken) < _AT_ONCE and not self._waiting.empty():
            taken.append(self._waiting.get_nowait())
        return taken

    def _written(self, taken: Sequence[Served | _Kept]) -> bool:
        rows = [_row(one) for one in taken if isinstance(one, Served)]
        kept = [(one.name, one.at, zlib.compress(one.content.encode())) for one in taken if isinstance(one, _Kept)]
        while True:
            try:
                with self._file.transaction() as connection:
                    connection.executemany(_KEEP, kept)
                    connection.executemany(_INSERT, rows)
                return True
            except StorageError:  # requests go on; what does not fit into memory meanwhile is dropped
                if self._ended.wait(_PAUSE):
                    return False

    def _clear(self) -> None:
        try:
            with self._file.transaction() as connection:
                connection.execute("DELETE FROM served WHERE at < ?", (self._clock() - self._keep,))
                connection.execute("DELETE FROM kept WHERE at < ?", (self._clock() - self._keep - 2 * _AGAIN,))
        except StorageError:
            return  # next time


def _row(served: Served) -> Row:
    told = {name: value for name, value in asdict(served).items() if name not in _APART}
    return served.request_id, served.at, served.user_id, zlib.compress(json.dumps(told, separators=(",", ":")).encode(), level=1)


def _served(request_id: str, at: float, user_id: str | None, answer: bytes) -> Served:
    told: dict[str, Any] = json.loads(zlib.decompress(answer))
    told |= {"items": tuple(told["items"]), "propensities": tuple(told["propensities"])}
    return Served(request_id=request_id, at=at, user_id=user_id, **told)
