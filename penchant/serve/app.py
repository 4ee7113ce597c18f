"""The HTTP application: routes, console, metrics, errors."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil

from anyio import to_thread
from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from penchant import __version__
from penchant.pipeline.release import Release
from penchant.pipeline.shelf import Shelf
from penchant.serve.access_log import AccessLog
from penchant.serve.body_limit import BodyLimit
from penchant.serve.choices import keyed_hash
from penchant.serve.console import Console
from penchant.serve.events import EventLog
from penchant.serve.guard import Guard
from penchant.serve.keys import KeyRing
from penchant.serve.limits import Buckets, RateLimit, TimeLimit
from penchant.serve.open_telemetry import Traces
from penchant.serve.refusals import add_handlers
from penchant.serve.routes import (
    beam,
    catalogue,
    events,
    experiments,
    operations,
    policy,
    privacy,
    probes,
    recommend,
    releases,
    replays,
    report,
    reviews,
    steering,
    trends,
    users,
)
from penchant.serve.served import ServedLog
from penchant.serve.service import Backend, ServeSettings, Service
from penchant.serve.shed import Shed
from penchant.serve.stores import StateStore
from penchant.serve.swap import Current, Following
from penchant.serve.telemetry import Telemetry
from penchant.serve.tracing import Tracing

_PARTS = (
    recommend,
    events,
    steering,
    privacy,
    users,
    policy,
    trends,
    catalogue,
    beam,
    report,
    releases,
    experiments,
    operations,
    replays,
    reviews,
    probes,
)
_THREADS = 32  # requests that are worked on at once; others wait
_SMALL = 1024  # bytes of an answer that is not worth packing


def create_app(
    release: Release,
    *,
    log: EventLog,
    store: StateStore | None = None,
    settings: ServeSettings | None = None,
    follow: bool = True,
    shelf: Shelf | None = None,
    served: ServedLog | None = None,
    traces: Traces | None = None,
) -> FastAPI:
    """The application that serves ``release`` and writes to ``log``; and what it serves to ``served``, and how to ``traces``.

    With a ``store`` a worker follows the log as long as the application runs: trends, what goes together, and interests of
    the present. Unless ``follow`` is off: then it is left to workers elsewhere. With a ``shelf`` the application changes over
    to whatever release is made live there. ``traces`` are closed with the application.

    Requests run in threads, which mostly wait for the lanes of the models.
    """
    backend = Backend.of(log, store, settings, served)
    current = Current(Service.of(release, backend))
    following = None if shelf is None else Following(shelf, current, lambda release: Service.of(release, backend))
    if backend.near_line is not None and traces is not None:
        backend.near_line.worker.told = traces.batch
    access = _access_log(backend)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = _THREADS
        backend.start(lambda: current.service.state, follow=follow)
        if following is not None:
            following.start()
        yield
        if following is not None:
            await to_thread.run_sync(following.stop)
        await to_thread.run_sync(backend.stop)
        if traces is not None:  # here, as a signal may end the process right after this
            await to_thread.run_sync(traces.close)
        current.service.close()
        if access is not None:
            access.close()

    app = FastAPI(
        title="Penchant",
        version=__version__,
        description="Recommendations and search over one release. Every error has the shape `{error: {value, rule, remedy}}`.",
        lifespan=lifespan,
        docs_url=None,  # they would load scripts from another server
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # it would tell addresses and queries
    )
    app.state.current, app.state.following = current, following
    add_handlers(app)
    ring = None if backend.settings.keys is None else KeyRing(backend.settings.keys)
    described = [] if ring is None else [Depends(HTTPBearer(auto_error=False))]  # for OpenAPI; it is the guard that looks
    for part in _PARTS:
        app.include_router(part.routes, dependencies=described)
    _show(app, backend)
    _surround(app, backend, ring, access, traces)
    return app


def _show(app: FastAPI, backend: Backend) -> None:
    """The page, and what Prometheus reads."""
    console = Console()

    async def home(request: Request) -> Response:
        return await console.get_response("index.html", request.scope)

    async def metrics(request: Request) -> Response:
        told = await to_thread.run_sync(generate_latest, backend.metrics.registry)  # it asks the log, which may take its time
        return Response(told, media_type=CONTENT_TYPE_LATEST)

    app.add_route("/", home, methods=["GET"], include_in_schema=False)
    app.add_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
    app.mount("/console", console)


def _surround(app: FastAPI, backend: Backend, ring: KeyRing | None, access: AccessLog | None, traces: Traces | None) -> None:
    """What every request passes, the outermost last."""
    settings = backend.settings
    app.add_middleware(BodyLimit)
    app.add_middleware(Shed, most=settings.most_running, refused=backend.metrics.shed)
    app.add_middleware(TimeLimit, seconds=settings.seconds)
    if settings.rate is not None:
        app.add_middleware(RateLimit, buckets=Buckets(settings.rate, settings.burst or ceil(2 * settings.rate)))
    if ring is not None:
        app.add_middleware(Guard, ring=ring)
    app.add_middleware(GZipMiddleware, minimum_size=_SMALL, compresslevel=5)
    if traces is not None:
        app.add_middleware(Tracing, traces=traces)
    app.add_middleware(Telemetry, metrics=backend.metrics, access_log=access)


def _access_log(backend: Backend) -> AccessLog | None:
    """With hashes that stay the same as long as the state store does; without one, as long as the process does."""
    if backend.settings.access_log is None:
        return None
    own = secrets.token_bytes(32)
    hashed = (lambda text: keyed_hash(own, text)) if backend.choices is None else backend.choices.hashed
    return AccessLog(backend.settings.access_log, hashed)
