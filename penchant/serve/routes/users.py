"""Users: finding one, and what they did."""

from __future__ import annotations

import time
from typing import Annotated

import numpy as np
from fastapi import Path, Query

from penchant.core.errors import ArtifactError, StorageError
from penchant.data.schema import ACTIONS
from penchant.serve.answers import Did, DirectiveOut, Interest, Place, UserOut, UserShort, UsersOut
from penchant.serve.directory import RECENT
from penchant.serve.near_line import shares
from penchant.serve.portraits.answers import PortraitOut
from penchant.serve.portraits.page import portrait
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id
from penchant.serve.routes.base import places, router
from penchant.serve.routes.steering import directives_out
from penchant.serve.service import Held, Service

routes = router("users")


@routes.get("/users")
def users(
    service: Held,
    search: Annotated[str, Query(max_length=200, description="A part of the id, or of a title among the newest items.")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> UsersOut:
    """Users of the release, and those who came since."""
    found, total = service.directory.search(search, limit)
    rows = []
    for user_id in found:
        past = service.state.person(user_id).past
        rows.append(UserShort(user_id=user_id, events=len(past), recent=service.cards.titles(past.items[-RECENT:][::-1])))
    return UsersOut(users=rows, total=total)


@routes.get("/users/{user_id:path}/portrait", responses=refusals(404))
def user_portrait(user_id: Annotated[Id, Path()], service: Held) -> PortraitOut:
    """A user's portrait: interests by layer with the events behind them, in words, and how it changed; and what each source knows."""
    found = portrait(service, user_id)
    for part in found.missing:
        service.metrics.missing.labels(part).inc()
    return found


@routes.get("/users/{user_id:path}", responses=refusals(404))
def user(
    user_id: Annotated[Id, Path()], service: Held, limit: Annotated[int, Query(ge=0, le=1000, description="Events to show.")] = 50
) -> UserOut:
    """What a user did, newest first. Anybody may start, so an unknown user has an empty past."""
    read_to, followed_to = _places(service)  # first: who is read afterwards is true for these, at least
    person = service.state.person(user_id)
    newest = person.past.take(np.arange(max(0, len(person.past) - limit), len(person.past)))
    rows = zip(service.cards.of(newest.items), newest.actions.tolist(), newest.times.tolist(), newest.live.tolist(), strict=True)
    history = [
        Did(**card, event=ACTIONS[action] or None, timestamp=when if when >= 0 else None, live=live) for card, action, when, live in rows
    ]
    return UserOut(
        user_id=user_id,
        known=person.known,
        events=len(person.past),
        history=history[::-1],
        hidden=service.cards.ids(person.hidden),
        liked=service.cards.ids(person.liked),
        interests=_interests(service, user_id),
        steering=_steering(service, user_id),
        personalised=person.personalised,
        read_to=read_to,
        followed_to=followed_to,
    )


def _places(service: Service) -> tuple[list[Place] | None, list[Place] | None]:
    """Up to where in the log users are known, and up to where a worker has read it; None where nobody can tell."""
    backend = service.backend
    try:
        return places(backend.events.end()), None if backend.store is None else places(backend.store.positions())
    except StorageError:
        service.metrics.missing.labels("place in the log").inc()
        return None, None


def _steering(service: Service, user_id: str) -> list[DirectiveOut]:
    """None where nobody keeps it, or what is kept cannot be read."""
    if service.backend.directives is None:
        return []
    try:
        return directives_out(service.backend.directives.of(user_id, int(time.time())))
    except (StorageError, ArtifactError):
        service.metrics.missing.labels("steering").inc()
        return []


def _interests(service: Service, user_id: str) -> list[Interest]:
    """None where nobody follows the log, or what was found out cannot be read: the past is told all the same."""
    if service.near_line is None:
        return []
    try:
        found = shares(service.near_line.state(user_id))
    except (StorageError, ArtifactError):
        service.metrics.missing.labels("interests").inc()
        return []
    return [Interest(name=name, share=share) for name, share in found]
