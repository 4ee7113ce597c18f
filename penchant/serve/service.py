"""All that the routes work with: what outlives a release, and what is made from one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request
from pydantic import Field

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.items.item_space import TEXT
from penchant.models.retrieval.content import ContentNeighbours
from penchant.pipeline.calls import AtOnce
from penchant.pipeline.indexed import LARGE, IndexedContent
from penchant.pipeline.lane import Generator
from penchant.pipeline.recommender import Recommender
from penchant.pipeline.release import Release
from penchant.search.approximate import IVFPQIndex
from penchant.search.hybrid import HybridSearch
from penchant.search.vector import VectorIndex
from penchant.serve.cards import Cards
from penchant.serve.directory import Directory
from penchant.serve.events import EventLog, UserEvents
from penchant.serve.experiments.hub import Experiments
from penchant.serve.near_line import NearLine
from penchant.serve.present import Together, Trending
from penchant.serve.served import ServedLog
from penchant.serve.state import LiveState
from penchant.serve.stored_events import StoredEvents
from penchant.serve.stores import StateStore
from penchant.serve.telemetry import Metrics


class ServeSettings(Settings):
    """How a server answers."""

    deadline_ms: float | None = Field(default=None, gt=0, description="that a list may take; None: as long as it takes")
    most_running: int = Field(default=128, ge=1, description="requests of the API under way; more are refused")
    batch: int = Field(default=32, ge=1, description="rows of a model call, at most")
    batch_wait_ms: float = Field(default=0.0, ge=0, description="that the first row of a batch waits for others")


@dataclass(frozen=True)
class Backend:
    """What outlives a release.

    Attributes:
        log: Where events go.
        events: Finds those of a user.
        store: What follows from them; None where nobody follows the log.
        near_line: Follows the log; None where there is no store.
        served: Keeps what was served; None where nobody does.
        experiments: Who sees what; None where there is no store.
    """

    log: EventLog
    events: UserEvents
    store: StateStore | None
    near_line: NearLine | None
    metrics: Metrics
    settings: ServeSettings
    served: ServedLog | None
    experiments: Experiments | None

    @classmethod
    def of(cls, log: EventLog, store: StateStore | None, settings: ServeSettings | None = None, served: ServedLog | None = None) -> Self:
        """A log that finds the events of a user is asked for them, so that one counts at once; else the store is.

        Raises:
            InputError: Neither can tell what a user did.
        """
        events = log if isinstance(log, UserEvents) else None
        if events is None:
            require(store is not None, f"{type(log).__name__} alone", "it cannot find the events of a user", "pass a state store, too")
            events = StoredEvents(store)  # type: ignore[arg-type]
        metrics = Metrics()
        near_line = None if store is None else NearLine(log, store)
        if near_line is not None:
            near_line.observe(metrics.registry)
        experiments = None if store is None else Experiments(store, events, served)
        return cls(log, events, store, near_line, metrics, settings or ServeSettings(), served, experiments)


@dataclass(frozen=True)
class Service:
    """The parts of a running server over one release."""

    release: Release
    backend: Backend
    state: LiveState
    recommender: Recommender
    calls: AtOnce
    search: HybridSearch
    vectors: VectorIndex
    cards: Cards
    directory: Directory

    @classmethod
    def of(cls, release: Release, backend: Backend) -> Self:
        """Build the parts, and call each once, so that the first visitor need not wait for tables made on first use."""
        catalog, settings = release.space.catalog, backend.settings
        live: dict[str, Generator] = {}
        if backend.store is not None:
            live = {"together": Together(backend.store, catalog), "trending": Trending(backend.store, catalog)}
        instead: dict[str, Generator] = {}
        content = release.models.get(ContentNeighbours.KIND)
        if isinstance(content, ContentNeighbours) and content.num_items > LARGE:
            index = IVFPQIndex()
            index.add(content.vectors.numpy()[1:])
            instead["content"] = IndexedContent(content, index)
        calls = AtOnce({**release.models, **live, **instead}, most=settings.batch, wait_seconds=settings.batch_wait_ms / 1e3)
        service = cls(
            release=release,
            backend=backend,
            state=LiveState(catalog, release.users, release.histories, backend.events, positions=release.positions),
            recommender=release.recommender(live=live, instead=instead, calls=calls),
            calls=calls,
            search=HybridSearch(release.space, release.encoder),
            vectors=VectorIndex(release.space.vectors[TEXT]),
            cards=Cards(release.space),
            directory=Directory(release.users, release.histories, catalog.titles(), backend.events),
        )
        one = Histories.of([[1]])
        for name in (None, *release.models):
            service.recommender.recommend(history=one, k=1, model=name)
        service.search.search("a", 1)
        return service

    @property
    def metrics(self) -> Metrics:
        """Of the server, whatever release it serves."""
        return self.backend.metrics

    @property
    def near_line(self) -> NearLine | None:
        """Who follows the log."""
        return self.backend.near_line

    def close(self) -> None:
        """End its threads, once no request uses it any more."""
        self.calls.close()


async def _held(request: Request) -> AsyncIterator[Service]:  # async: called in place, not in a thread
    current = request.app.state.current
    service = current.take()
    try:
        yield service
    finally:
        current.give(service)


Held = Annotated[Service, Depends(_held)]


async def _request_id(request: Request) -> str:
    return request.state.request_id


RequestId = Annotated[str, Depends(_request_id)]


async def _arrived(request: Request) -> float:
    return request.state.arrived


#: When a request came, by ``time.perf_counter``: before it waited for a thread.
Arrived = Annotated[float, Depends(_arrived)]
