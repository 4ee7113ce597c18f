"""The access log: one JSON line a request, without personal data.

Addresses are told as templates and users by keyed hashes, so no id, query or key is ever written. An id that a caller gave
to a request may be anything, and is hashed too.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.types import Scope

from penchant.core.errors import PenchantError, StorageError

STANDARD_OUTPUT = "-"


class AccessLog:
    """Writes the lines. A file that was moved away, to be rotated, is begun anew.

    Args:
        where: A file, or ``-`` for the standard output.
        hashed: A keyed hash of a text.
        clock: UTC seconds.

    Raises:
        StorageError: The file cannot be written.
    """

    def __init__(self, where: str, hashed: Callable[[str], str], *, clock: Callable[[], float] = time.time) -> None:
        self._hashed, self._clock = hashed, clock
        try:
            Path(where).parent.mkdir(parents=True, exist_ok=True)
            self._handler = logging.StreamHandler(sys.stdout) if where == STANDARD_OUTPUT else WatchedFileHandler(where, encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"access log {where}", f"the disk refused it ({error.strerror})", "choose a file you may write to"
            ) from error

    def write(self, scope: Scope, *, method: str, route: str, status: int, seconds: float) -> None:
        """One line.

        Args:
            scope: Of the request, after it was answered.
            method: Of HTTP, one of the known ones.
            route: Template of the address.
            status: Of the answer.
            seconds: To its end.
        """
        state = scope.get("state", {})
        current = getattr(scope["app"].state, "current", None) if "app" in scope else None
        user = _user(scope)
        line = {
            "time": datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds"),
            "request_id": self._hash(state["request_id"]) if state.get("given_id") else state.get("request_id"),
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1e3, 2),
            "key": state.get("key"),
            "user": None if user is None else self._hash(user),
            "release": None if current is None else current.service.release.id,
        }
        self._handler.emit(logging.makeLogRecord({"msg": json.dumps(line)}))

    def close(self) -> None:
        """Let go of the file."""
        self._handler.close()

    def _hash(self, text: str) -> str | None:
        try:
            return self._hashed(text)
        except PenchantError:  # the key of the hash cannot be read
            return None


def _user(scope: Scope) -> str | None:
    """Whom a request is about: by its address, its body or its query."""
    found: Any = scope.get("path_params", {}).get("user_id") or scope.get("state", {}).get("asked_user")
    if found is None and b"user_id" in scope.get("query_string", b""):
        found = QueryParams(scope["query_string"]).get("user_id")
    return found if isinstance(found, str) else None
