"""Bodies: read before anything looks at them, and no larger than a limit."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serve.refusals import refuse

LIMIT = 1 << 20  # bytes
#: So many bytes of a body that is too large are read and dropped, because most clients read no answer before they have
#: sent all. Beyond, the connection is closed.
_DRAIN = 16 << 20


class BodyLimit:
    """Middleware that answers 413 to bodies over ``limit`` bytes, whether they are announced or streamed."""

    def __init__(self, app: ASGIApp, limit: int = LIMIT) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        hopeless = announced.isdigit() and int(announced[:20]) > _DRAIN
        body = None if hopeless else await self._read(receive)
        if isinstance(body, bytearray):
            await self.app(scope, _again(bytes(body), receive), send)
        elif body is None:
            value = f"a body of more than {self.limit} bytes"
            answer = refuse(
                413, value, f"a body has at most {self.limit} bytes", "send less at a time", {"connection": "close"} if hopeless else None
            )
            await answer(scope, receive, send)

    async def _read(self, receive: Receive) -> bytearray | bool | None:
        """The body; None if it is too large, False if the client went away."""
        body, size = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            part = message.get("body", b"")
            size += len(part)
            if size <= self.limit:
                body += part
            if size > _DRAIN or not message.get("more_body", False):
                return body if size <= self.limit else None


def _again(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the whole body first."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
