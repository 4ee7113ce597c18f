"""Answers of before: what they were, and the same lists made again."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import Path, Request

from penchant.core.errors import UnknownIdError
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.refusals import refusals
from penchant.serve.replay_answers import AnswerOut, Placed, ReplayOut, ShiftOut
from penchant.serve.replays import Replayed, replay
from penchant.serve.requests import Id, ReplayIn
from penchant.serve.routes.base import router
from penchant.serve.served import Served, ServedLog
from penchant.serve.service import Held, Service

routes = router("lists")
_loading = threading.Lock()  # a release beside the one that is served takes as much memory again: one at a time


@routes.get("/answers/{request_id}", responses=refusals(404))
def answer(request_id: Annotated[Id, Path()], service: Held) -> AnswerOut:
    """A list that was answered, as long as it is kept."""
    found = _found(_log(service), request_id)
    return AnswerOut(
        request_id=found.request_id,
        at=found.at,
        user_id=found.user_id,
        release=found.release,
        rung=found.rung,
        items=list(found.items),
        propensities=list(found.propensities),
        experiments=dict(found.arms),
        milliseconds=found.milliseconds,
        replayable="given" in found.replay,
    )


@routes.post("/answers/{request_id}/replay", responses=refusals(404))
def again(request_id: Annotated[Id, Path()], asked: ReplayIn, service: Held, request: Request) -> ReplayOut:
    """Make a list again from what made it, over the release of then or another one, and tell what differs and why."""
    log = _log(service)
    served = _found(log, request_id)
    following = request.app.state.following
    shelf = None if following is None else following.shelf
    rules = service.recommender.policy.rules if asked.rules == "now" else None
    with _loading:
        then = _release(service, shelf, served.release)
        against = None if asked.release is None else _release(service, shelf, asked.release)
        found = replay(log, served, then, against=against, rules=rules)
    return replay_out(found, against or then)


def replay_out(found: Replayed, release: Release) -> ReplayOut:
    """As it is told.

    Args:
        found: An answer made again.
        release: That made it.
    """
    catalog = release.space.catalog
    items = [
        Placed(
            rank=rank,
            item_id=one.item_id,
            title=catalog.item(one.item)["title"] or one.item_id,
            score=one.score,
            sources=list(one.sources),
            propensity=one.propensity,
            reason=one.reason.text,
        )
        for rank, one in enumerate(found.found.suggestions, start=1)
    ]
    return ReplayOut(
        request_id=found.served.request_id,
        release=release.id,
        rung=found.found.rung,
        rules=found.found.rules,
        same=found.same,
        items=items,
        generators=dict(found.generators),
        unknown=found.unknown,
        shifts=[ShiftOut(item_id=one.item_id, before=one.before, after=one.after, why=one.why) for one in found.shifts],
    )


def _log(service: Service) -> ServedLog:
    if service.backend.served is None:
        raise UnknownIdError("answers", "this server keeps no log of what it served", "start it with one")
    return service.backend.served


def _found(log: ServedLog, request_id: str) -> Served:
    log.flush()
    found = log.get(request_id)
    if found is None:
        raise UnknownIdError(
            f"request_id={request_id!r}", "no such answer is kept by this server", "pass a request_id that it gave in the last days"
        )
    return found


def _release(service: Service, shelf: Shelf | None, name: str) -> Release:
    served = service.release
    if served.id.startswith(name) or served.path.name == name:
        return served
    if shelf is None:
        raise UnknownIdError(f"release {name[:12]}", "this server has one release and no shelf", "serve a shelf that holds it")
    return load_release(shelf.get(name).path)
