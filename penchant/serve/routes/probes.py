"""For who watches over the service: is it alive, and can it do its work."""

from __future__ import annotations

from collections.abc import Callable

from penchant.core.errors import PenchantError, StorageError
from penchant.serve.answers import LiveOut, ReadyOut
from penchant.serve.routes.base import router
from penchant.serve.service import Held

routes = router("release")


@routes.get("/live")
async def live() -> LiveOut:  # in the event loop itself: it must answer where all threads are taken
    """The process answers. Who gets no answer may start it again."""
    return LiveOut(alive=True)


@routes.get("/ready")
def ready(service: Held) -> ReadyOut:
    """Log and store answer, and the worker is not too far behind. Until then, 503: send requests to another server."""
    backend, lag = service.backend, None
    asked: dict[str, Callable[[], object]] = {"event log": backend.log.end}
    if backend.store is not None:
        asked["state store"] = backend.store.positions
    failed = [name for name, ask in asked.items() if not _answers(ask)]
    if not failed:
        lag = None if service.near_line is None else service.near_line.lag()
        most = backend.settings.most_lag
        if most is not None and lag is not None and lag > most:
            failed.append(f"near-line worker, {lag} events behind")
    if failed:
        raise StorageError(f"not ready: {', '.join(failed)}", "it does not answer, or is behind", "send requests to another server")
    return ReadyOut(ready=True, parts=list(asked), lag=lag)


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except PenchantError:
        return False
    return True
