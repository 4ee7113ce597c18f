"""The state store on Redis: a change is one script, which nothing can come between.

Values and positions lie in one database, so what flushes or loses it loses both, and all is made anew from the event log.
All keys carry one hash tag: on a cluster a store lies on one node, and several stores share the work by their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import redis

from penchant.core.errors import StorageError
from penchant.pipeline.breaker import Breaker
from penchant.serve.events import Positions
from penchant.serve.stores import Stored, Write, key_bytes, key_text

# KEYS: positions, newest version, names, then one a write. ARGV: number of partitions, (partition, before or "", after) each,
# then (name, expected version, "1" to keep or "0" to delete, value, milliseconds or "") a write.
_PUT = """
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  if (redis.call('HGET', KEYS[1], ARGV[at]) or '') ~= ARGV[at + 1] then return 0 end
  at = at + 3
end
local writes = at
for place = 4, #KEYS do
  if (redis.call('HGET', KEYS[place], 'version') or '0') ~= ARGV[at + 1] then return 0 end
  at = at + 5
end
at = writes
for place = 4, #KEYS do
  redis.call('DEL', KEYS[place])
  if ARGV[at + 2] == '1' then
    redis.call('HSET', KEYS[place], 'version', redis.call('INCR', KEYS[2]), 'value', ARGV[at + 3])
    redis.call('ZADD', KEYS[3], 0, ARGV[at])
    if ARGV[at + 4] ~= '' then redis.call('PEXPIRE', KEYS[place], ARGV[at + 4]) end
  else
    redis.call('ZREM', KEYS[3], ARGV[at])
  end
  at = at + 5
end
at = 2
for _ = 1, tonumber(ARGV[1]) do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  at = at + 3
end
return 1
"""
# KEYS: names, then a value each. ARGV: the name of each. Forgets names whose values have ended; returns the others.
_THERE = """
local there = {}
for place = 2, #KEYS do
  if redis.call('EXISTS', KEYS[place]) == 1 then
    there[#there + 1] = ARGV[place - 1]
  else
    redis.call('ZREM', KEYS[1], ARGV[place - 1])
  end
end
return there
"""
_REST = 1.0  # seconds that a server is left alone after a row of answers that did not come
_REMEDY = "check that Redis runs and can be reached, then try again; what was logged is safe"


class RedisStateStore:
    """See ``penchant.serve.stores.StateStore``.

    Args:
        url: Of the server, such as ``redis://localhost:6379/0``.
        name: Stores of other names on the same server do not touch.
        wait_seconds: How long the server may take for an answer.
        breaker: Opened by answers that did not come: as long as it is open nobody waits for any.

    Raises:
        StorageError: The server does not answer.
    """

    def __init__(self, url: str, *, name: str = "penchant", wait_seconds: float = 1.0, breaker: Breaker | None = None) -> None:
        self.name, self._open = name, True
        self._breaker = breaker or Breaker(rest_seconds=_REST)
        self.server = url.rsplit("@", 1)[-1]  # without a password
        with self._told():
            # Nothing is tried twice behind our back: a change whose answer was lost may have been made.
            self._client = redis.Redis.from_url(
                url, socket_timeout=wait_seconds, socket_connect_timeout=wait_seconds, retry=None, retry_on_timeout=False
            )
            self._client.ping()
            self._put, self._there = self._client.register_script(_PUT), self._client.register_script(_THERE)

    def get(self, keys: Sequence[str]) -> list[Stored | None]:
        """See ``StateStore``."""
        with self._told():
            asked = self._client.pipeline(transaction=False)
            for key in keys:
                asked.hmget(self._key(key), "value", "version")
            rows: list[list[Any]] = asked.execute() if keys else []
        return [None if version is None else Stored(value, int(version)) for value, version in rows]

    def versions(self, keys: Sequence[str]) -> list[int]:
        """See ``StateStore``."""
        with self._told():
            asked = self._client.pipeline(transaction=False)
            for key in keys:
                asked.hget(self._key(key), "version")
            found: list[bytes | None] = asked.execute() if keys else []
        return [0 if version is None else int(version) for version in found]

    def put(self, writes: Mapping[str, Write], *, before: Positions | None = None, after: Positions | None = None) -> bool:
        """See ``StateStore``."""
        before, after = before or {}, after or {}
        told: list[str | bytes | int] = [len(after)]
        for partition, place in after.items():
            told += [partition, before.get(partition, ""), place]
        for key, write in writes.items():
            ttl = "" if write.ttl_seconds is None else max(round(write.ttl_seconds * 1e3), 1)
            told += [key_bytes(key), write.version, "0" if write.value is None else "1", write.value or b"", ttl]
        with self._told():
            names = [self._key("positions", own=True), self._key("newest", own=True), self._key("names", own=True)]
            return bool(self._put(keys=[*names, *map(self._key, writes)], args=told))

    def positions(self) -> dict[int, int]:
        """See ``StateStore``."""
        with self._told():
            found: dict[bytes, bytes] = self._client.hgetall(self._key("positions", own=True))  # type: ignore[assignment]
        return dict(sorted((int(partition), int(place)) for partition, place in found.items()))

    def names(self, prefix: str = "", after: str = "", limit: int = 1000) -> list[str]:
        """See ``StateStore``."""
        all_names, start = self._key("names", own=True), key_bytes(prefix)
        low = b"(" + key_bytes(after) if key_bytes(after) >= start else b"[" + start
        if low == b"(":
            low = b"-"
        high = b"[" + start + b"\xff" if start else b"+"  # no text has a byte of 255
        found: list[str] = []
        with self._told():
            while len(found) < limit:
                part: list[bytes] = self._client.zrangebylex(all_names, low, high, start=0, num=limit)  # type: ignore[assignment, arg-type]
                if not part:
                    break
                there: list[bytes] = self._there(keys=[all_names, *map(self._key, part)], args=part)  # type: ignore[assignment]
                found += [key_text(name) for name in there]
                low = b"(" + part[-1]
        return found[:limit]

    def close(self) -> None:
        """See ``StateStore``."""
        self._open = False
        self._client.close()

    def _key(self, key: str | bytes, *, own: bool = False) -> bytes:
        return b"{%s}%s%s" % (key_bytes(self.name), b"/" if own else b":", key if isinstance(key, bytes) else key_bytes(key))

    @contextmanager
    def _told(self) -> Iterator[None]:
        if not self._open:
            raise StorageError(f"store {self.name!r}", "the state store is closed", "open it again")
        if not self._breaker.passes():
            raise StorageError(f"store {self.name!r} at {self.server}", "Redis has not answered of late, and is left alone", _REMEDY)
        try:
            yield
        except redis.RedisError as error:
            if isinstance(error, redis.TimeoutError):  # a refusal costs nobody time
                self._breaker.failed()
            raise StorageError(f"store {self.name!r} at {self.server}", f"Redis did not do what was asked ({error})", _REMEDY) from error
        self._breaker.succeeded()
