"""Limits of a caller: how many requests a second, and how long one may take.

Each process keeps its own counts: no request waits for another server to be counted, and the limit holds when Redis is
away. So R servers behind a balancer let a caller have up to R times the rate.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.core.errors import require
from penchant.serve.guard import WATCH
from penchant.serve.refusals import refuse

_log = logging.getLogger("penchant.serve")
_CALLERS = 10_000  # that are remembered; who was not heard of for longest is forgotten, and starts with a full bucket


class Buckets:
    """A token bucket a caller: ``burst`` requests at once, ``rate`` a second in the long run.

    A bucket is one number, the time at which it will be full again; each request moves that by 1 / rate.

    Args:
        rate: Requests a second.
        burst: Tokens of a full bucket.
        most: Callers that are remembered.
        clock: Seconds.
    """

    def __init__(self, rate: float, burst: int, *, most: int = _CALLERS, clock: Callable[[], float] = time.monotonic) -> None:
        require(rate > 0, f"rate={rate}", "a caller has some requests a second", "pass rate>0")
        require(burst >= 1, f"burst={burst}", "a full bucket holds a request", "pass burst>=1")
        self.rate, self.burst, self.most, self._clock = rate, burst, most, clock
        self._full: OrderedDict[str, float] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take a token; 0, or the seconds until there is one."""
        now = self._clock()
        full = max(self._full.get(caller, now), now) + 1 / self.rate
        wait = full - now - self.burst / self.rate
        if wait > 1e-9:
            return wait
        self._full[caller] = full
        self._full.move_to_end(caller)
        if len(self._full) > self.most:
            self._full.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._full)


class RateLimit:
    """Middleware that answers 429 to who asks too often: by the name of the key, or by the address where there are none.

    It runs in the event loop's thread alone, so its counts need no lock.
    """

    def __init__(self, app: ASGIApp, buckets: Buckets) -> None:
        self.app, self.buckets = app, buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["path"] in WATCH:
            await self.app(scope, receive, send)
            return
        wait = self.buckets.take(caller(scope))
        if wait:
            rule = f"a caller has {self.buckets.rate:g} requests a second, and {self.buckets.burst} at once"
            after = str(math.ceil(wait))
            answer = refuse(429, "too many requests", rule, f"try again in {after} s", {"retry-after": after})
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def caller(scope: Scope) -> str:
    """Who is counted together: a key's name, an address, or the network of 64 bits that an IPv6 address lies in."""
    name = scope.get("state", {}).get("key")
    if name is not None:
        return f"key {name}"
    host = (scope.get("client") or ("nobody",))[0]
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    return str(address.ipv4_mapped or ipaddress.IPv6Network((address, 64), strict=False))


class TimeLimit:
    """Middleware that answers 503 where there is no answer in time, a body that comes too slowly included.

    What runs in a thread cannot be stopped: it goes on, and nobody hears its answer.

    Args:
        seconds: From the head of a request to the first byte of its answer.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app, self.seconds = app, seconds
        self._left: set[asyncio.Task[None]] = set()  # a task that nobody holds may be collected while it runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = over = False

        async def heard(message: Message) -> None:
            nonlocal begun
            if not over:
                begun = True
                await send(message)

        async def work() -> None:
            await self.app(scope, receive, heard)

        task = asyncio.create_task(work())
        try:
            await asyncio.wait({task}, timeout=self.seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done() or begun:
            await task
            return
        over = True
        self._left.add(task)
        task.add_done_callback(self._ended)
        value, rule = f"no answer in {self.seconds:g} s", "a request may not take longer"
        answer = refuse(503, value, rule, "ask for less, or later", {"retry-after": "5", "connection": "close"})
        await answer(scope, receive, send)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._left.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a request that took too long failed", exc_info=task.exception())
