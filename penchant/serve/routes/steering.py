"""What a user asks for every list of theirs, and takes back."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Path, Query

from penchant.core.errors import InputError, StorageError, UnknownIdError, require
from penchant.pipeline.steering import Ignored, Steering, Taste
from penchant.serve.answers import DirectiveOut, SteeringOut
from penchant.serve.directives import Directive, Directives
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id, IgnoreDay, IgnoreOlder, KeepIn, SteerIn
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service

routes = router("users")


@routes.post("/users/{user_id:path}/steering", responses=refusals(404))
def keep(user_id: Annotated[Id, Path()], asked: KeepIn, service: Held) -> SteeringOut:
    """Let something hold for every list of a user, until it is taken back or its time is over."""
    now = int(time.time())
    steering = steering_of(asked.steer, service, now)
    timed = service.state.histories.timed
    require(timed or not steering.ignore, "ignore", "events of this release have no times", "leave ignore out")
    return _told(user_id, _directives(service).add(user_id, steering, now, asked.ttl_seconds))


@routes.delete("/users/{user_id:path}/steering", responses=refusals(404))
def undo(
    user_id: Annotated[Id, Path()], service: Held, directive: Annotated[Id | None, Query(description="Its id; none: all of them.")] = None
) -> SteeringOut:
    """Take back one thing that holds for a user, or all. The lists are those of before."""
    return _told(user_id, _directives(service).undo(user_id, directive, int(time.time())))


def steering_of(asked: SteerIn, service: Service, now: int) -> Steering:
    """What is asked for at ``now``.

    Raises:
        UnknownIdError: It names an item, a category or a brand that is not there.
        InputError: It names a generator that is not there.
    """
    ignore = []
    for one in asked.ignore:
        if isinstance(one, IgnoreDay):
            ignore.append(Ignored.day(one.days_ago, now, offset_minutes=one.utc_offset_minutes))
        elif isinstance(one, IgnoreOlder):
            ignore.append(Ignored.older(one.older_than_days, now))
        else:
            ignore.append(Ignored(since=one.since, until=one.until))
    tastes = tuple(
        Taste(items=tuple(one.items), categories=tuple(one.categories), brands=tuple(one.brands), strength=one.strength)
        for one in asked.tastes
    )
    steering = Steering(weights=asked.weights, tastes=tastes, ignore=tuple(ignore))
    unknown = steering.unknown(service.recommender.goods)
    require(not unknown, ", ".join(unknown[:3]), "the catalogue has no such names", "pass names of the catalogue", UnknownIdError)
    strange = sorted(set(steering.weights) - set(service.recommender.models))
    known = ", ".join(sorted(service.recommender.models))
    require(not strange, f"weights of {strange}"[:200], "there are no such generators", f"pass some of {known}", InputError)
    return steering


def standing(user_id: str, service: Service, now: int) -> Steering:
    """What holds for a user, as far as this release knows what it speaks of.

    Raises:
        StorageError: The store cannot be read.
        ArtifactError: What is kept of the user is damaged.
    """
    if service.backend.directives is None:
        return Steering()
    found = service.backend.directives.standing(user_id, now)
    weights = {name: weight for name, weight in found.weights.items() if name in service.recommender.models}
    ignore = found.ignore if service.state.histories.timed else ()
    return Steering(weights=weights, tastes=found.tastes, ignore=ignore, untold=found.untold)


def directives_out(found: tuple[Directive, ...]) -> list[DirectiveOut]:
    """As they are told, the oldest first."""
    return [
        DirectiveOut(id=one.id, said=one.said, ends=one.ends, **one.steering.model_dump(mode="json", exclude={"untold"})) for one in found
    ]


def _told(user_id: str, found: tuple[Directive, ...]) -> SteeringOut:
    return SteeringOut(user_id=user_id, steering=directives_out(found))


def _directives(service: Service) -> Directives:
    if service.backend.directives is None:
        raise StorageError("steering", "this server keeps nothing of users", "start it with a state store")
    return service.backend.directives
