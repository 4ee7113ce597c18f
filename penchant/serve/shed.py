"""Saying no in time: where too many requests are under way, further ones are refused at once and told when to come back.

An overloaded server that lets everybody in answers nobody in time; one that refuses some serves the others as before.
"""

from __future__ import annotations

from prometheus_client import Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from penchant.serve.guard import WATCH
from penchant.serve.refusals import refuse


class Shed:
    """Middleware. It runs in the event loop's thread alone, so its count needs no lock.

    Args:
        most: Requests of the API under way.
        refused: Counts those that are refused.
    """

    def __init__(self, app: ASGIApp, *, most: int, refused: Counter) -> None:
        self.app, self.most, self.refused = app, most, refused
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["path"] in WATCH:
            await self.app(scope, receive, send)
            return
        if self._running >= self.most:
            self.refused.inc()
            busy = f"{self._running} requests under way"
            answer = refuse(503, busy, f"this server answers {self.most} at a time", "try again in a second", {"retry-after": "1"})
            await answer(scope, receive, send)
            return
        self._running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running -= 1
