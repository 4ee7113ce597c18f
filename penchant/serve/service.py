"""All that the routes work with, made once from a release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from penchant.data.histories import Histories
from penchant.items.item_space import TEXT
from penchant.pipeline.recommender import Recommender
from penchant.pipeline.release import Release
from penchant.search.hybrid import HybridSearch
from penchant.search.vector import VectorIndex
from penchant.serve.cards import Cards
from penchant.serve.directory import Directory
from penchant.serve.near_line import NearLine
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.state import LiveState
from penchant.serve.stores import StateStore
from penchant.serve.telemetry import Metrics


@dataclass(frozen=True)
class Service:
    """The parts of a running server."""

    release: Release
    log: SqliteEventLog
    state: LiveState
    recommender: Recommender
    search: HybridSearch
    vectors: VectorIndex
    cards: Cards
    directory: Directory
    metrics: Metrics
    near_line: NearLine | None

    @classmethod
    def of(cls, release: Release, log: SqliteEventLog, store: StateStore | None = None) -> Service:
        """Build the parts, and call each once, so that the first visitor need not wait for tables made on first use."""
        catalog = release.space.catalog
        service = cls(
            release=release,
            log=log,
            state=LiveState(catalog, release.users, release.histories, log),
            recommender=release.recommender(),
            search=HybridSearch(release.space, release.encoder),
            vectors=VectorIndex(release.space.vectors[TEXT]),
            cards=Cards(release.space),
            directory=Directory(release.users, release.histories, catalog.titles(), log),
            metrics=Metrics(),
            near_line=None if store is None else NearLine(log, store, catalog),
        )
        if service.near_line is not None:
            service.near_line.observe(service.metrics.registry)
        one = Histories.of([[1]])
        for name in (None, *release.models):
            service.recommender.recommend(history=one, k=1, model=name)
        service.search.search("a", 1)
        return service


async def _held(request: Request) -> Service:  # async: called in place, not in a thread
    return request.app.state.service


Held = Annotated[Service, Depends(_held)]


async def _request_id(request: Request) -> str:
    return request.state.request_id


RequestId = Annotated[str, Depends(_request_id)]
