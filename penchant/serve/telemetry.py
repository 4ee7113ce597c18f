"""Around every request: an id, a measured time, headers that browsers obey, and a last answer when all else fails."""

from __future__ import annotations

import logging
import re
import time
import uuid

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penchant.serve.access_log import AccessLog
from penchant.serve.operations.recent import Recent
from penchant.serve.portraits.metrics import PortraitMetrics
from penchant.serve.refusals import refuse
from penchant.serve.vector_metrics import VectorMetrics

_log = logging.getLogger("penchant.serve")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Others are told as one: a name may be anything.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}


class Metrics:
    """What Prometheus may ask, in a registry of its own, since the start; and what was ``recent``, for the page."""

    def __init__(self) -> None:
        self.recent = Recent()
        self.registry = to = CollectorRegistry()
        self.requests = Counter("penchant_requests_total", "HTTP requests.", ["method", "route", "status"], registry=to)
        self.seconds = Histogram("penchant_request_seconds", "Time to the end of an answer.", ["route"], buckets=_SECONDS, registry=to)
        self.shed = Counter("penchant_requests_shed_total", "Requests refused because too many were under way.", registry=to)
        self.running = Gauge("penchant_requests_running", "Requests being answered.", registry=to)
        self.events = Counter("penchant_events_total", "Events sent to the log.", ["outcome"], registry=to)
        self.rungs = Counter("penchant_lists_total", "Lists, by the way they were made.", ["rung"], registry=to)
        self.vectors = VectorMetrics(to)
        self.portraits = PortraitMetrics(to)
        self.dear = Gauge("penchant_dear_cores", "Cores that generation and reasons may take at present.", registry=to)
        self.adapter = Gauge(
            "penchant_adapter_gain", "1 / log2(1 + place) that adapted vectors of users add to the items of new events.", registry=to
        )
        self.networks = Gauge("penchant_networks_ready", "Whether networks can be asked.", registry=to)
        self.missing = Counter("penchant_parts_missing_total", "Answers that were made without a part.", ["part"], registry=to)


class Telemetry:
    """The outermost middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessLog | None = None) -> None:
        self.app, self.metrics, self.access_log = app, metrics, access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        given = Headers(scope=scope).get("x-request-id", "")
        kept = _ID.fullmatch(given) is not None
        request_id = given if kept else uuid.uuid4().hex
        scope.setdefault("state", {}).update(request_id=request_id, given_id=kept, arrived=started)

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers.setdefault("cache-control", "no-store")
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with self.metrics.running.track_inprogress():
            try:
                await self.app(scope, receive, marked)
            except Exception:
                _log.exception("request %s failed", request_id)
                if status:
                    raise  # half an answer was sent: the connection must break
                answer = refuse(
                    500, f"request {request_id}", "the server failed on it", "look for this id in the server's log, and report it"
                )
                await answer(scope, receive, marked)
        self._count(scope, status, time.perf_counter() - started)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # Templates, not addresses: as many as there are routes, whatever is asked for.
        route = getattr(scope.get("route"), "path", None) or ("console" if status < 400 else "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        self.metrics.recent.saw(route, status, seconds)
        if self.access_log is not None:
            self.access_log.write(scope, method=method, route=route, status=status, seconds=seconds)
