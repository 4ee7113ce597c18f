"""A SQLite file that belongs to Penchant: opened with care, synced at every commit, with errors that say what to do."""

from __future__ import annotations

import mmap
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.core.storage import sync_folder, writing

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REFUSED = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space and try again; what was stored is safe"),
    sqlite3.SQLITE_BUSY: ("another program holds the {what}", "try again; if this stays, end the other program"),
    sqlite3.SQLITE_LOCKED: ("another program holds the {what}", "try again; if this stays, end the other program"),
    sqlite3.SQLITE_READONLY: ("it may not be written", "choose a folder that may be written to"),
    sqlite3.SQLITE_PERM: ("it may not be opened", "choose a folder that may be written to"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "choose a folder that may be written to"),
    sqlite3.SQLITE_IOERR: ("the disk refused it", "check the disk and its free space, then try again"),
}


@dataclass(frozen=True)
class Kind:
    """What a file is for.

    Attributes:
        what: Its name in messages, such as "event log".
        application: Marks the file as ours of that kind.
        version: Of the schema; a newer file is refused.
        schema: Statements that make it.
        repair: What to do about a damaged file.
    """

    what: str
    application: int
    version: int
    schema: str
    repair: str


class SqliteFile:
    """One connection that writes and one that reads, each for one thread at a time.

    WAL mode with ``synchronous=FULL``: a commit ends in one fsync, so it survives a crash of the process and of the
    machine. Several processes on one machine may use the same file.

    Args:
        path: The file; made, with its folders, if it is not there.
        kind: What it is for.
        wait_seconds: How long a call waits for another process that is writing.

    Raises:
        ArtifactError: The file is damaged, of another program or kind, or of a newer version.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path, kind: Kind, *, wait_seconds: float = 5.0) -> None:
        self.path, self.kind = Path(path), kind
        self._wait, self._open = wait_seconds, True
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

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is done to the connection; on the disk when this ends."""
        with self._write_lock, self._told():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._read_lock, self._told():
            return self._reader.execute(query, values).fetchall()

    def holds(self, traces: Sequence[bytes]) -> int:
        """How many of these bytes are anywhere in the file or its write-ahead log, in what was deleted too."""
        found: set[bytes] = set()
        for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            if path.exists() and path.stat().st_size:
                with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    found |= {trace for trace in traces if content.find(trace) >= 0}
        return len(found)

    def scrub(self, *, rewrite: bool = False) -> None:
        """Put what was deleted beyond reach: out of the write-ahead log, and by a ``rewrite`` out of every corner of the file.

        A rewrite takes as long as the file is large, and nobody else can write meanwhile.

        Raises:
            StorageError: The disk refused, or another program holds the file.
        """
        with self._write_lock, self._told():
            if rewrite:
                self._writer.execute("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def close(self) -> None:
        """Close the file. Everything else is a ``StorageError`` from here on."""
        with self._write_lock, self._read_lock:
            self._open = False
            self._reader.close()
            self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self._wait, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = 1")  # macOS: through the drive's own cache too
        connection.execute("PRAGMA secure_delete = 1")  # what is deleted is overwritten
        return connection

    def _prepare(self) -> None:
        run = self._writer.execute
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        require(found == "ok", f"{self.path}", f"the {self.kind.what} is damaged ({found})", self.kind.repair, ArtifactError)
        (application,), (version,) = run("PRAGMA application_id").fetchone(), run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT COUNT(*) FROM sqlite_master").fetchone()
        ours = application == self.kind.application or (application == 0 and tables == 0)
        require(ours, f"{self.path}", "it is the database of another program", "choose another folder", ArtifactError)
        require(
            version <= self.kind.version,
            f"version {version} of {self.path}",
            f"this Penchant reads up to {self.kind.version}",
            "use a newer Penchant",
            ArtifactError,
        )
        run("PRAGMA journal_mode = WAL")
        if version < self.kind.version:
            self._writer.executescript(
                f"BEGIN IMMEDIATE; {self.kind.schema} PRAGMA application_id = {self.kind.application};"
                f" PRAGMA user_version = {self.kind.version}; COMMIT;"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in the project's errors what SQLite could not do."""
        try:
            yield
        except sqlite3.Error as error:
            if not self._open:
                raise StorageError(f"{self.path}", f"the {self.kind.what} is closed", "open it again") from error
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the number tells details
            if code in _DAMAGED:
                raise ArtifactError(f"{self.path}", f"the {self.kind.what} is damaged ({error})", self.kind.repair) from error
            if code in _REFUSED:
                rule, remedy = _REFUSED[code]
                raise StorageError(f"{self.kind.what} {self.path}", f"{rule.format(what=self.kind.what)} ({error})", remedy) from error
            raise
