"""A log of what was served that keeps it in memory, for tests."""

from __future__ import annotations

import threading
from math import inf

from penchant.serve.served import Served


class MemoryServedLog:
    """See ``penchant.serve.served.ServedLog``."""

    def __init__(self) -> None:
        self._rows: list[Served] = []
        self._kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def append(self, served: Served) -> None:
        with self._lock:
            self._rows.append(served)

    def keep(self, content: str) -> str:
        self._kept[str(hash(content))] = content
        return str(hash(content))

    def kept(self, name: str) -> str:
        return self._kept[name]

    def flush(self) -> None:
        """Nothing waits."""

    def get(self, request_id: str) -> Served | None:
        with self._lock:
            return next((one for one in reversed(self._rows) if one.request_id == request_id), None)

    def since(self, at: float, limit: int = 1000, after: str = "") -> list[Served]:
        with self._lock:
            rows = sorted(self._rows, key=lambda one: (one.at, one.request_id))
        return [one for one in rows if (one.at, one.request_id) > (at, after)][:limit]

    def users(self, after: str = "", limit: int = 1000) -> list[str]:
        with self._lock:
            return sorted({one.user_id for one in self._rows if one.user_id is not None and one.user_id > after})[:limit]

    def of_user(self, user_id: str) -> list[Served]:
        return [one for one in self.since(-inf, len(self._rows)) if one.user_id == user_id]

    def forget(self, user_id: str, before: float = inf) -> int:
        with self._lock:
            kept = [one for one in self._rows if one.user_id != user_id or one.at >= before]
            count, self._rows = len(self._rows) - len(kept), kept
        return count
