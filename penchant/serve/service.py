"""All that the routes work with: what outlives a release, and what is made from one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from fastapi import Depends, Request
from pydantic import Field

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.items.item_space import TEXT
from penchant.pipeline.budget import Budget
from penchant.pipeline.calls import AtOnce
from penchant.pipeline.indexed import LARGE, indexed
from penchant.pipeline.lane import Generator
from penchant.pipeline.neighbours import SparseNeighbours
from penchant.pipeline.recommender import Recommender
from penchant.pipeline.release import STORED, Release
from penchant.pipeline.same import SameForAll
from penchant.pipeline.steering import Steering, Taste
from penchant.pipeline.turns import Turns
from penchant.search.hybrid import HybridSearch
from penchant.search.vector import VectorIndex
from penchant.serve.apart import Apart, names_of, networks_of
from penchant.serve.at_a_time import AtATime
from penchant.serve.by_vector import ByVector
from penchant.serve.cards import Cards
from penchant.serve.choices import Choices
from penchant.serve.directives import Directives
from penchant.serve.directory import Directory
from penchant.serve.erasure import Eraser
from penchant.serve.events import EventLog, UserEvents
from penchant.serve.experiments.hub import Experiments
from penchant.serve.holders import holders_of
from penchant.serve.live_rules import LiveRules
from penchant.serve.near_line import NearLine
from penchant.serve.portraits.fitted import fitted, fitted_intents
from penchant.serve.portraits.kept import StoredPortraits
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.present import Together, Trending
from penchant.serve.remote import RemoteExplainer, RemoteGenerator, RemoteHead
from penchant.serve.served import ServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState
from penchant.serve.stock import Stock, StockOf
from penchant.serve.stored_events import StoredEvents
from penchant.serve.stores import StateStore
from penchant.serve.tallies import OutcomesOf, Tallies, by_success
from penchant.serve.telemetry import Metrics
from penchant.users.intents import Intents
from penchant.users.portrait import Portraits

_WRITES, _WAITING = 8, 32  # requests that write to the log at once, and that wait to
_PATIENCE = 1.0  # seconds that they wait
_DEAR = 0.3  # of the cores: the others are for what every list needs, for events, and for whoever asks


class ServeSettings(Settings):
    """How a server answers."""

    deadline_ms: float | None = Field(default=None, gt=0, description="that a list may take; None: as long as it takes")
    dear_cores: float | None = Field(
        default=None, ge=0, description="that generation and reasons of lists with a deadline may take; None: 0.3 of all"
    )
    most_running: int = Field(default=128, ge=1, description="requests of the API under way; more are refused")
    apart: bool | None = Field(
        default=None, description="run networks and the worker in processes of their own; None: where the catalogue is large"
    )
    adapt: bool = Field(default=False, description="learn a small change to all users' vectors from events as they come, and use it")
    batch: int = Field(default=32, ge=1, description="rows of a model call, at most")
    rules: Path | None = Field(default=None, description="file of rules, watched; None: those of the release")
    batch_wait_ms: float = Field(default=0.0, ge=0, description="that the first row of a batch waits for others")
    keys: Path | None = Field(default=None, description="file of API keys; None: nobody needs one")
    rate: float | None = Field(default=None, gt=0, description="requests a second of a caller; None: as many as they like")
    burst: int | None = Field(default=None, ge=1, description="requests of a caller at once; None: twice the rate")
    seconds: float = Field(default=60.0, gt=0, description="that a request may take")
    access_log: str | None = Field(default=None, description="file of a line a request, - for the standard output; None: there is none")
    traces: str | None = Field(default=None, description="URL of a collector of OpenTelemetry traces; None: there are none")
    most_lag: int | None = Field(default=None, ge=0, description="events behind the log from which a server is not ready; None: any")


@dataclass(frozen=True)
class Backend:
    """What outlives a release.

    Attributes:
        log: Where events go.
        events: Finds those of a user.
        store: What follows from them; None where nobody follows the log.
        near_line: Follows the log; None where there is no store.
        choices: What people chose about their data; None where there is no store.
        stock: What is out of stock.
        directives: What users ask for; None where there is no store.
        rules: That lists follow; None: those of the release.
        served: Keeps what was served; None where nobody does.
        experiments: Who sees what; None where there is no store.
        tallies: What came of items that were shown; None where nobody keeps what was served.
        turns: Of the requests, to compute.
        writing: Of those that write events, to the log.
    """

    log: EventLog
    events: UserEvents
    store: StateStore | None
    near_line: NearLine | None
    choices: Choices | None
    metrics: Metrics
    settings: ServeSettings
    stock: Stock
    directives: Directives | None
    rules: LiveRules | None
    served: ServedLog | None
    experiments: Experiments | None
    tallies: Tallies | None
    turns: Turns
    writing: AtATime

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
        settings = settings or ServeSettings()
        choices = None if store is None else Choices(store)
        directives = None if store is None else Directives(store)
        rules = None if settings.rules is None else LiveRules(settings.rules)
        if rules is not None:
            rules.observe(metrics.registry)
        experiments = None if store is None else Experiments(store, events, served, choices)
        tallies = None
        if rules is not None and served is not None:
            tallies = Tallies(served, events, lambda: by_success(rules.file.rules))
        stock = Stock(store)
        writing = AtATime("writes of events", most=_WRITES, waiting=_WAITING, patience=_PATIENCE, refused=metrics.shed)
        return cls(
            log=log,
            events=events,
            store=store,
            near_line=near_line,
            choices=choices,
            metrics=metrics,
            settings=settings,
            stock=stock,
            directives=directives,
            rules=rules,
            served=served,
            experiments=experiments,
            tallies=tallies,
            turns=Turns(),
            writing=writing,
        )

    def start(self, state: Callable[[], LiveState], *, follow: bool) -> None:
        """Begin what is done beside the requests.

        Args:
            state: The users of the release that is served.
            follow: Whether a worker runs here.
        """
        if follow and self.near_line is not None:
            self.near_line.start()
        if self.rules is not None:
            self.rules.start()
        if self.experiments is not None:
            self.experiments.start(state)
        if self.tallies is not None:
            self.tallies.start()

    def stop(self) -> None:
        """End all of it."""
        for part in (self.tallies, self.experiments, self.rules, self.near_line):
            if part is not None:
                part.stop()

    def works(self) -> bool:
        """Whether this process does what follows from the log, and not only workers elsewhere."""
        return self.near_line is not None and self.near_line.following


@dataclass(frozen=True)
class Service:
    """The parts of a running server over one release."""

    release: Release
    backend: Backend
    state: LiveState
    by_vector: ByVector | None
    recommender: Recommender
    calls: AtOnce
    search: HybridSearch
    vectors: VectorIndex
    cards: Cards
    directory: Directory
    stock: StockOf
    outcomes: OutcomesOf
    eraser: Eraser | None
    apart: Apart | None
    portraits_by: Callable[[], Portraits]
    intents_by: Callable[[], Intents]
    portraits: StoredPortraits | None
    reviews: Reviews | None

    @classmethod
    def of(cls, release: Release, backend: Backend) -> Self:
        """Build the parts, and call each once, so that the first visitor need not wait for tables made on first use."""
        apart = _apart(release, backend)
        try:
            return cls._of(release, backend, apart)
        except BaseException:
            if apart is not None:
                apart.close()
            raise

    @classmethod
    def _of(cls, release: Release, backend: Backend, apart: Apart | None) -> Self:
        catalog, settings = release.space.catalog, backend.settings
        state = LiveState(catalog, release.users, release.histories, backend.events, positions=release.positions, choices=backend.choices)
        live: dict[str, Generator] = {}
        by_vector: ByVector | None = None
        if backend.store is not None and backend.near_line is not None:
            live = {"together": Together(backend.store, catalog), "trending": Trending(backend.store, catalog)}
            how = {
                "metrics": backend.metrics.vectors,
                "works": backend.works,
                "encoder": None if apart is None else RemoteHead(apart),
                "adapts": settings.adapt,
            }
            by_vector = live[STORED] = ByVector.of(release, backend.store, state, backend.near_line.tiers, **how)
        instead = indexed(release.models)
        quick = _quick({**instead, **live}, backend.store)
        if apart is not None:
            instead |= {name: RemoteGenerator(apart, name) for name in networks_of(release)}
        calls = AtOnce(
            {**release.models, **live, **instead},
            most=settings.batch,
            wait_seconds=settings.batch_wait_ms / 1e3,
            quick=quick,
            turns=backend.turns,
        )
        budget = Budget(_dear_cores(settings))
        portraits_by, portraits, reviews = fitted(release), None, None
        if backend.store is not None:
            how_kept = {"metrics": backend.metrics.portraits, "works": backend.works}
            portraits = StoredPortraits(backend.store, portraits_by, release.id, state, **how_kept)
        if portraits is not None and backend.choices is not None:
            reviews = Reviews(portraits, backend.choices)
        eraser = None
        if backend.store is not None and backend.choices is not None:
            kept = [one.refresher for one in (None if by_vector is None else by_vector.vectors, portraits) if one is not None]
            holders = holders_of(backend.log, backend.store, backend.choices, state, backend.served, backend.experiments, kept)
            eraser = Eraser(backend.log, backend.store, backend.choices, holders)
        service = cls(
            release=release,
            backend=backend,
            state=state,
            by_vector=by_vector,
            recommender=release.recommender(
                live=live,
                instead=instead,
                calls=calls,
                budget=budget,
                explainer=None if apart is None else RemoteExplainer(apart),
            ),
            calls=calls,
            search=HybridSearch(release.space, release.encoder),
            vectors=VectorIndex(release.space.vectors[TEXT]),
            cards=Cards(release.space),
            directory=Directory(release.users, release.histories, catalog.titles(), backend.events, backend.choices),
            stock=StockOf(backend.stock, catalog),
            outcomes=OutcomesOf(backend.tallies, catalog),
            eraser=eraser,
            apart=apart,
            portraits_by=portraits_by,
            intents_by=fitted_intents(release, portraits_by),
            portraits=portraits,
            reviews=reviews,
        )
        if apart is not None:
            apart.wait_ready()
        if backend.rules is not None:
            backend.rules.attach(service.recommender)
        service._warm()
        if by_vector is not None and backend.near_line is not None:
            backend.near_line.listeners += service._listeners
            backend.near_line.know(catalog)
        backend.metrics.dear.set_function(lambda: budget.share)
        adapter = None if by_vector is None else by_vector.adapter
        backend.metrics.adapter.set_function(lambda: 0.0 if adapter is None else adapter.gain)
        backend.metrics.networks.set_function(lambda: float(apart is None or apart.ready))
        return service

    def _warm(self) -> None:
        """Ask for a list of each way and search once, so that nobody waits for what is made at the first request."""
        one, release = Histories.of([[1]]), self.release
        for name in (None, *release.models):
            self.recommender.recommend(history=one, k=1, model=name)
        taste = Taste(items=(release.space.catalog.items.ids[0],), categories=("",), strength=1.0)
        self.recommender.recommend(history=one, k=1, steering=Steering(tastes=(taste,)))
        self.search.search("a", 1)

    @property
    def metrics(self) -> Metrics:
        """Of the server, whatever release it serves."""
        return self.backend.metrics

    @property
    def near_line(self) -> NearLine | None:
        """Who follows the log."""
        return self.backend.near_line

    @property
    def _listeners(self) -> list[Callable[[Sequence[tuple[str, str]]], object]]:
        """Who wants (item id, user id) of what was just done."""
        kept = [] if self.portraits is None else [self.portraits.saw]
        return [*([] if self.by_vector is None else self.by_vector.listeners), *kept]

    def keep_fresh(self, user_id: str) -> None:
        """See to it soon that this user's stored vector is fresh: for when the time does not allow more than that."""
        if self.by_vector is not None:
            self.by_vector.vectors.ask([user_id])

    def close(self) -> None:
        """End its threads, once no request uses it any more."""
        self.calls.close()
        if self.by_vector is not None and self.near_line is not None:
            gone = self._listeners
            self.near_line.listeners = [told for told in self.near_line.listeners if told not in gone]
            self.by_vector.vectors.close()
        if self.portraits is not None:
            self.portraits.close()
        if self.apart is not None:  # after those who ask it
            self.apart.close()


def apart(release: Release, settings: ServeSettings) -> bool:
    """Whether networks, and a worker of this server, run in processes of their own."""
    large = len(release.space.catalog) > LARGE and (os.cpu_count() or 1) > 1
    return large if settings.apart is None else settings.apart


def _apart(release: Release, backend: Backend) -> Apart | None:
    return Apart(release.path, names_of(release), turns=backend.turns) if apart(release, backend.settings) else None


def _quick(generators: Mapping[str, Generator], store: StateStore | None) -> list[str]:
    """Those that are done before a thread of their own has woken up; what asks another server is not among them."""
    kinds: tuple[type, ...] = (SparseNeighbours, SameForAll)
    if isinstance(store, SqliteStateStore):
        kinds += (Together, Trending, ByVector)
    return [name for name, one in generators.items() if isinstance(one, kinds)]


def _dear_cores(settings: ServeSettings) -> float:
    return _DEAR * (os.cpu_count() or 1) if settings.dear_cores is None else settings.dear_cores


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
