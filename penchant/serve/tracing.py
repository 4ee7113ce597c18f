"""A trace of each request. Its spans are made when the request is over, of the times that answers measure anyway.

So no part of the service knows of traces, but for the line that passes an answer's times on (``told``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.pipeline.recommender import Recommendation
from penchant.serve.guard import WATCH
from penchant.serve.open_telemetry import Child, Traces
from penchant.serve.telemetry import METHODS

_GENERATE = "generate"


@dataclass(frozen=True)
class _Told:
    """What an answer says of how it came about."""

    milliseconds: Mapping[str, float]
    found: Recommendation | None


_heard: ContextVar[list[_Told] | None] = ContextVar("heard", default=None)


def told(milliseconds: dict[str, float], found: Recommendation | None = None) -> dict[str, float]:
    """The same times, kept for the trace of this request if there is one.

    Args:
        milliseconds: Of stages that followed each other from the arrival of the request on; ``total`` is no stage.
        found: Tells of its generators.
    """
    heard = _heard.get()
    if heard is not None:
        heard.append(_Told(milliseconds, found))
    return milliseconds


class Tracing:
    """Middleware, inside of ``Telemetry``. Requests of those who watch over the service are not traced.

    Nothing that was sent is kept: addresses are told as templates, errors by the names of their classes.

    Args:
        traces: Where spans go.
    """

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self.app, self.traces = app, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["path"] in WATCH:
            await self.app(scope, receive, send)
            return
        heard: list[_Told] = []
        status, failed = 0, None
        began = time.time_ns() - round((time.perf_counter() - scope["state"]["arrived"]) * 1e9)
        token = _heard.set(heard)

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, marked)
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            _heard.reset(token)
            method = scope["method"] if scope["method"] in METHODS else "_OTHER"
            route = getattr(scope.get("route"), "path", None)
            self.traces.request(
                Headers(scope=scope),
                f"{method} {route}" if route else method,
                {"http.request.method": method, "http.route": route, **_about(scope, heard)},
                _children(heard),
                began=began,
                status=status,
                failed=failed,
            )


def _about(scope: Scope, heard: Sequence[_Told]) -> dict[str, str | list[str] | None]:
    """Whose release it was, and how the list was made. An id that a caller gave to the request may be anything, and is left out."""
    state, current = scope["state"], getattr(scope["app"].state, "current", None) if "app" in scope else None
    found = heard[-1].found if heard else None
    return {
        "penchant.request_id": None if state["given_id"] else state["request_id"],
        "penchant.release": None if current is None else current.service.release.id,
        "penchant.rung": None if found is None else found.rung,
        "penchant.rules": None if found is None else found.rules,
        "penchant.missing": None if found is None else sorted(found.missing),
    }


def _children(heard: Sequence[_Told]) -> list[Child]:
    """The stages of the answer, and within one of them the generators, which were asked at its beginning."""
    if not heard:
        return []
    stages, found = heard[-1].milliseconds, heard[-1].found
    asked = {} if found is None else {name: Child(name, spent, found.missing.get(name)) for name, spent in found.asked_ms.items()}
    return [
        Child(name, spent, within=tuple(asked.values()) if name == _GENERATE else ()) for name, spent in stages.items() if name != "total"
    ]
