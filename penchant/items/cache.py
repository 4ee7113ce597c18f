"""A cache of text vectors on disk: each text is encoded once, and a killed run goes on where it was.

One SQLite file. A row's key is the SHA-256 of the encoder's fingerprint and the text; its checksum covers the vector,
so a damaged row is noticed and encoded again. Vectors of other encoders may lie in the same file.

Letters: n texts, D vector width.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from penchant.core.errors import StorageError, require
from penchant.core.progress import progress
from penchant.core.storage import writing
from penchant.items.encoders import TextEncoder

_FILE = "vectors.sqlite"
_ASK = 500  # keys in one query; SQLite allows 999 or more
_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class CachedEncoder:
    """An encoder that remembers. It is a ``TextEncoder`` itself, with the inner one's name and fingerprint.

    Args:
        encoder: Does the work for texts not seen before.
        folder: Where the file ``vectors.sqlite`` lies; made if needed. Several processes may share it.
        batch: Texts encoded between two commits, hence the most that a kill can lose.

    Raises:
        InputError: ``batch`` is below 1.
    """

    def __init__(self, encoder: TextEncoder, folder: Path, *, batch: int = 512) -> None:
        require(batch >= 1, f"batch={batch}", "a batch holds at least one text", "pass batch>=1")
        self.encoder = encoder
        self.batch = batch
        self._path = Path(folder) / _FILE

    @property
    def name(self) -> str:
        return self.encoder.name

    @property
    def dim(self) -> int | None:
        return self.encoder.dim

    def fingerprint(self) -> str:
        return self.encoder.fingerprint()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32[n, D]; only texts that are neither known nor repeated reach the encoder.

        Raises:
            StorageError: The disk refuses to be written.
        """
        if not len(texts):
            return self.encoder.encode(texts)
        salt = self.fingerprint().encode() + b"\0"
        keys = [hashlib.sha256(salt + text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        known: dict[bytes, np.ndarray] = {}
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._complete(known, text_of)
        except sqlite3.DatabaseError as error:
            if _code(error) not in _BROKEN:
                raise
            for suffix in ("", "-wal", "-shm"):  # no sound database any more: start a new one
                self._path.with_name(_FILE + suffix).unlink(missing_ok=True)
            self._complete(known, text_of)
        return np.stack([known[key] for key in keys])

    def _complete(self, known: dict[bytes, np.ndarray], text_of: dict[bytes, str]) -> None:
        """Fill ``known`` with a vector for each key, from the file or from the encoder."""
        with _connected(self._path) as connection:
            known.update(_read(connection, [key for key in text_of if key not in known], self.dim))
            missing = [key for key in text_of if key not in known]
            if not missing:
                return
            missing.sort(key=lambda key: len(text_of[key]), reverse=True)  # like lengths together; the longest first
            with progress(f"encode with {self.name}", len(missing), unit="texts") as bar:
                for start in range(0, len(missing), self.batch):
                    part = missing[start : start + self.batch]
                    vectors = np.ascontiguousarray(self.encoder.encode([text_of[key] for key in part]), np.float32)
                    known.update(zip(part, vectors, strict=True))
                    _write(connection, part, vectors)
                    bar.update(len(part))


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, checksum INTEGER, vector BLOB)")
            yield connection
    except sqlite3.DatabaseError as error:
        if _code(error) in _REFUSED:
            raise StorageError(f"writing {path}", f"the disk refused it ({error})", "free some space, or choose another folder") from error
        raise


def _read(connection: sqlite3.Connection, keys: list[bytes], dim: int | None) -> dict[bytes, np.ndarray]:
    """The sound vectors among ``keys``."""
    found: dict[bytes, np.ndarray] = {}
    for start in range(0, len(keys), _ASK):
        part = keys[start : start + _ASK]
        marks = ",".join("?" * len(part))
        for key, checksum, blob in connection.execute(f"SELECT key, checksum, vector FROM vectors WHERE key IN ({marks})", part):
            sound = isinstance(blob, bytes) and len(blob) % 4 == 0 and checksum == zlib.crc32(key + blob)
            if sound and (dim is None or len(blob) == 4 * dim):
                found[key] = np.frombuffer(blob, "<f4")
    return found


def _write(connection: sqlite3.Connection, keys: list[bytes], vectors: np.ndarray) -> None:
    blobs = [row.astype("<f4").tobytes() for row in vectors]
    rows = [(key, zlib.crc32(key + blob), blob) for key, blob in zip(keys, blobs, strict=True)]
    with connection:  # one transaction: all of them, or none
        connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 if it gave none."""
    return (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
