"""How a server does: what it has measured of itself, put together for whoever runs it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from math import isnan

from prometheus_client import Counter as Metric
from prometheus_client import Gauge

from penchant import __version__
from penchant.core.errors import StorageError
from penchant.serve.guard import WATCH
from penchant.serve.near_line import NearLine
from penchant.serve.operations.answers import (
    Beat,
    Counted,
    Lag,
    ListsOut,
    Milliseconds,
    NearLineOut,
    OperationsOut,
    RouteTraffic,
    Serving,
    StoredOut,
    Traffic,
    TrafficOut,
)
from penchant.serve.operations.recent import Recent, Tally
from penchant.serve.service import Service
from penchant.serve.set_aside import DEAD
from penchant.serve.stores import StateStore
from penchant.serve.telemetry import Metrics

#: Who watches over a server is no traffic of it.
WATCHING = frozenset({*WATCH, "/v1/operations", "/v1/releases", "/metrics", "console", "none"})
_MINUTE = 60.0
_MOST_LETTERS = 1_000


def overview(service: Service, *, shelf: bool) -> OperationsOut:
    """How this process does, and the release that it serves, from a ``shelf`` or not. A part that cannot be read is None."""
    release, metrics, near_line = service.release, service.metrics, service.near_line
    rungs = counts(metrics.rungs)
    lists, waiting = sum(rungs.values()), _value(metrics.vectors.waiting)
    return OperationsOut(
        version=__version__,
        uptime_seconds=metrics.recent.clock() - metrics.recent.started,
        release=Serving(name=release.path.name, id=release.id, created=release.created, dataset=release.settings.dataset),
        shelf=shelf,
        events=_counted(counts(metrics.events)),
        traffic=_traffic(metrics),
        near_line=None if near_line is None else _near_line(near_line, time.time()),
        lists=ListsOut(lists=lists, rungs=_counted(rungs), missing=_counted(counts(metrics.missing), of=lists)),
        vectors=StoredOut(
            waiting=None if isnan(waiting) else int(waiting),
            dropped=int(_value(metrics.vectors.dropped)),
            reads=_counted(counts(metrics.vectors.reads)),
            refreshes=_counted(counts(metrics.vectors.refreshes)),
        ),
    )


def counts(metric: Metric) -> dict[str, int]:
    """What a counter with one label says, by its value; those that never came are left out."""
    (family,) = metric.collect()
    found = {next(iter(one.labels.values())): int(one.value) for one in family.samples if one.name.endswith("_total")}
    return {name: count for name, count in found.items() if count}


def reason_of(letter: str) -> str:
    """The reason of a dead letter without what differs from record to record, which may be somebody's data.

    Reasons are ``value: rule``, or the name of an error with what it says: ``value: rule; remedy`` if it is of this project.
    """
    before, _, told = letter.partition(": ")
    whole, _, remedy = told.rpartition("; ")
    if before == "InputError" and remedy:
        return whole.rpartition(": ")[2]
    return before if before.isidentifier() else told or letter


def _value(metric: Gauge | Metric) -> float:
    (family,) = metric.collect()
    return next(one.value for one in family.samples if not one.name.endswith("_created"))


def _counted(found: Mapping[str, int], of: int | None = None) -> list[Counted]:
    total = sum(found.values()) if of is None else of
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Counted(name=name, count=count, share=min(1.0, count / max(1, total))) for name, count in ordered]


def _traffic(metrics: Metrics) -> TrafficOut:
    recent = metrics.recent
    routes, seconds = recent.over(round(_MINUTE / recent.seconds))
    told = [RouteTraffic(route=route, **dict(_rates(tally, seconds))) for route, tally in routes.items()]
    return TrafficOut(
        window_seconds=seconds,
        total=_rates(_together(routes), seconds),
        routes=sorted(told, key=lambda one: (one.route in WATCHING, -one.requests_per_second, one.route)),
        beat_seconds=recent.seconds,
        beats=_beats(recent),
        running=int(_value(metrics.running)),
        shed=int(_value(metrics.shed)),
    )


def _beats(recent: Recent) -> list[Beat]:
    """What was before the start is not told as an idle time."""
    lived = int((recent.clock() - recent.started) / recent.seconds) + 1
    slots = recent.each()[-lived:]
    return [
        Beat(ago_seconds=recent.seconds * (len(slots) - 1 - place), **dict(_rates(_together(slot), recent.seconds)))
        for place, slot in enumerate(slots)
    ]


def _together(slot: Mapping[str, Tally]) -> Tally:
    total = Tally()
    for route, tally in slot.items():
        if route not in WATCHING:
            total.add(tally)
    return total


def _rates(tally: Tally, seconds: float) -> Traffic:
    median, p95, p99 = (tally.quantile(share) for share in (0.5, 0.95, 0.99))
    times = None if median is None or p95 is None or p99 is None else Milliseconds(median=1e3 * median, p95=1e3 * p95, p99=1e3 * p99)
    span = max(seconds, 1.0)  # a request in the first moment is not a thousand a second
    return Traffic(
        requests_per_second=tally.requests / span,
        refused_per_second=tally.refused / span,
        failed_per_second=tally.failed / span,
        milliseconds=times,
    )


def _near_line(near_line: NearLine, now: float) -> NearLineOut:
    progress = near_line.worker.progress
    return NearLineOut(
        here=near_line.following,
        lags=_lags(near_line),
        newest_age_seconds=None if progress.newest is None else max(0.0, now - progress.newest),
        refusals=progress.refused,
        dead_letters=_dead_letters(near_line.store),
    )


def _lags(near_line: NearLine) -> list[Lag] | None:
    try:
        found = near_line.worker.places()
    except StorageError:
        return None
    return [Lag(partition=one, read_to=read_to, end=end, lag=end - read_to) for one, (read_to, end) in found.items()]


def _dead_letters(store: StateStore) -> list[Counted] | None:
    try:
        found = store.get(store.names(DEAD, limit=_MOST_LETTERS))
    except StorageError:
        return None
    return _counted(Counter(_reasons(one.value for one in found if one is not None)))


def _reasons(letters: Iterable[bytes]) -> Iterable[str]:
    for letter in letters:
        yield reason_of(json.loads(letter)["reason"])
