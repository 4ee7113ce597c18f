"""API keys: who may ask for what, in one file that holds no secret.

A secret is 256 random bits and shown once, when it is made; the file keeps its SHA-256. One fast hash is right here: slow
password hashes protect what people choose, and nobody can list candidates for 256 random bits. A key names itself in the
clear (``pk_ID_SECRET``), so that one stored hash is compared, in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock
from pydantic import Field, StringConstraints

from penchant.core.errors import ArtifactError, PenchantError, UnknownIdError, require
from penchant.core.settings import Settings
from penchant.core.storage import locked, replace_text

_log = logging.getLogger("penchant.serve")
Scope = Literal["read", "events", "users", "admin"]
#: What a key of each scope may do. A scope does not include another.
SCOPES: dict[Scope, str] = {
    "read": "lists, search, the catalogue, the report",
    "events": "log what users did",
    "users": "users' data: look, export, forget, opt out",
    "admin": "metrics and operations",
}
_FORMAT = 1
_LOOK = 0.25  # seconds between looks at the file
_NOBODY = hashlib.sha256(b"").hexdigest()  # compared with where there is no key of that id
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Key(Settings):
    """A key as it is kept.

    Attributes:
        id: The part of it that is no secret.
        name: Of whoever uses it; several keys may carry one.
        scopes: What it may do.
        digest: SHA-256 of the secret, hexadecimal.
        made: UTC seconds.
        ends: UTC seconds from which it is refused, because it expired or was revoked; None: never.
    """

    id: str
    name: _Name
    scopes: tuple[Scope, ...] = Field(min_length=1)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    made: int
    ends: int | None = None

    def valid(self, now: float) -> bool:
        """Whether it lets anybody in at ``now``, UTC seconds."""
        return self.ends is None or now < self.ends


class _Held(Settings):
    format: Literal[1]
    keys: tuple[Key, ...]


class KeyFile:
    """The keys in a file. Changes are whole or not made, and those of several processes follow one another.

    Args:
        path: The file; made by the first ``add``.
        clock: UTC seconds.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = Path(path), clock

    def read(self) -> tuple[Key, ...]:
        """All keys, the ended ones too.

        Raises:
            ArtifactError: The file is missing, or is no key file.
        """
        try:
            return _Held.of(json.loads(self.path.read_bytes())).keys
        except FileNotFoundError:
            raise ArtifactError(f"{self.path}", "there is no such key file", "make one with: penchant keys add NAME --scope read") from None
        except (OSError, ValueError, TypeError, PenchantError) as error:
            raise ArtifactError(f"{self.path}", f"it is no key file ({error})", "put a copy back, or make keys anew") from error

    def add(self, name: str, scopes: Sequence[Scope], *, seconds: float | None = None) -> str:
        """Make a key and return its text, which is not kept.

        Args:
            name: Whose it is.
            scopes: What it may do.
            seconds: After which it ends; None: never.

        Raises:
            SettingsError: The name or a scope is none.
            ArtifactError: The file is no key file.
            StorageError: The disk refused.
        """
        with self._changing() as lock, lock:
            return self._added(self.read() if self.path.exists() else (), name, scopes, seconds)

    def revoke(self, which: str) -> int:
        """End the key of this id, or all keys of this name, now; how many it were.

        Raises:
            UnknownIdError: There is no such key, or it has ended.
        """
        with self._changing() as lock, lock:
            now = int(self._clock())
            keys = self.read()
            ended = {key.id for key in keys if which in (key.id, key.name) and key.valid(now)}
            require(len(ended) > 0, f"{which!r}", "no key of this name or id is valid", "see: penchant keys list", UnknownIdError)
            self._write([key.but(ends=now) if key.id in ended else key for key in keys])
            return len(ended)

    def rotate(self, name: str, *, grace_seconds: float = 0.0, seconds: float | None = None) -> str:
        """Make another key of the same scopes; the older ones of that name end after ``grace_seconds``.

        Raises:
            UnknownIdError: No key of this name is valid.
        """
        with self._changing() as lock, lock:
            now = int(self._clock())
            keys = self.read()
            old = [key for key in keys if key.name == name and key.valid(now)]
            require(len(old) > 0, f"{name!r}", "no key of this name is valid", "make one with: penchant keys add", UnknownIdError)
            last = now + int(grace_seconds)
            ended = tuple(key.but(ends=min(last, key.ends or last)) if key in old else key for key in keys)
            scopes: list[Scope] = [scope for key in old for scope in key.scopes]
            return self._added(ended, name, scopes, seconds)

    def _added(self, keys: Sequence[Key], name: str, scopes: Sequence[Scope], seconds: float | None) -> str:
        now, secret = int(self._clock()), secrets.token_urlsafe(32)
        ends = None if seconds is None else now + int(seconds)
        made = Key(id=secrets.token_hex(4), name=name, scopes=tuple(dict.fromkeys(scopes)), digest=_digest(secret), made=now, ends=ends)
        self._write([*keys, made])
        return f"pk_{made.id}_{secret}"

    def _write(self, keys: Sequence[Key]) -> None:
        replace_text(self.path, _Held(format=_FORMAT, keys=tuple(keys)).model_dump_json(indent=1) + "\n")

    def _changing(self) -> FileLock:
        return locked(self.path.with_name(f".{self.path.name}.lock"))


class KeyRing:
    """The keys of a running server: a change of the file counts within a moment. For the event loop's thread alone.

    A file that cannot be read lets nobody in: whoever mends a list of keys by hand, and badly, must not leave an old one open.

    Args:
        path: Of the key file.
        clock: UTC seconds.

    Raises:
        ArtifactError: The file is missing, or is no key file.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.file, self._clock = KeyFile(path, clock=clock), clock
        self._stamp, self._next = self._look(), 0.0
        self._keys = {key.id: key for key in self.file.read()}

    def who(self, text: str) -> Key | None:
        """The valid key of this text; None where there is none.

        Raises:
            ArtifactError: The file cannot be read any more.
        """
        self._renew()
        head, _, rest = text.partition("_")
        name, _, secret = rest.partition("_")
        found = self._keys.get(name) if head == "pk" else None
        same = hmac.compare_digest(_digest(secret), _NOBODY if found is None else found.digest)
        return found if found is not None and same and found.valid(self._clock()) else None

    def _renew(self) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _LOOK
        stamp = self._look()
        if stamp != self._stamp or not self._keys:
            try:
                self._keys = {key.id: key for key in self.file.read()}
            except ArtifactError:
                self._keys, self._stamp, self._next = {}, stamp, 0.0
                _log.exception("the key file cannot be read: nobody is let in")
                raise
            self._stamp = stamp

    def _look(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self.file.path)
        except OSError:
            return 0, 0, 0
        return found.st_ino, found.st_mtime_ns, found.st_size


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
