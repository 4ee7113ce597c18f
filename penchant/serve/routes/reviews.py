"""Portraits that people look at: what waits for a decision, decisions, and their audit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from penchant.core.errors import StorageError, UnknownIdError
from penchant.serve.portraits.answers import (
    AuditedOut,
    AuditOut,
    DecidedOut,
    PieceOut,
    ReviewOut,
    ReviewsOut,
    WaitingOut,
)
from penchant.serve.portraits.kept import Found
from penchant.serve.portraits.page import change_out, interests_out, served_prose
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.portraits.word_diff import word_diff
from penchant.serve.portraits.words import Proposal
from penchant.serve.refusals import refusals
from penchant.serve.requests import DecideIn, Id, LookIn
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service
from penchant.users.portrait_changes import changed, from_rows
from penchant.users.stored_portrait import digest

routes = router("reviews")


async def _key_name(request: Request) -> str | None:
    return getattr(request.state, "key", None)


@routes.get("/reviews")
def reviews(
    service: Held,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str, Query(max_length=512, description="A user's id: those that follow.")] = "",
) -> ReviewsOut:
    """What waits for a decision, in the order of users' ids. As long as ``after`` is told, more may follow."""
    found, last = _reviews(service).waiting(limit, after)
    return ReviewsOut(waiting=[WaitingOut(**_told(one.user_id, one.proposal)) for one in found], after=last)


@routes.post("/reviews", responses=refusals(404))
def look(asked: LookIn, service: Held) -> WaitingOut:
    """Put what is served of a user before people, for a reason of your own. What waits already is left as it is, but for ``holds``."""
    return WaitingOut(**_told(asked.user_id, _reviews(service).ask(asked.user_id, asked.why, holds=asked.holds)))


@routes.get("/reviewed")
def audit(service: Held, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> AuditOut:
    """Decisions, the newest first. They name neither users nor words of portraits, and outlive both."""
    return AuditOut(decisions=[AuditedOut(**one.plain()) for one in _reviews(service).audit(limit)])


@routes.get("/reviews/{user_id:path}", responses=refusals(404))
def review(user_id: Annotated[Id, Path()], service: Held) -> ReviewOut:
    """An entry of the queue, with what it would change."""
    found, waiting = _reviews(service).get(user_id)
    return _out(service, user_id, found, waiting)


@routes.post("/reviews/{user_id:path}", responses=refusals(404))
def decide(user_id: Annotated[Id, Path()], asked: DecideIn, service: Held, key: Annotated[str | None, Depends(_key_name)]) -> DecidedOut:
    """Accept, edit or reject. What was accepted or edited is served from the next request on, until a person decides anew."""
    reviewer = key or asked.reviewer
    out = _decided(
        _reviews(service).decide(user_id, asked.version, asked.decision, reviewer, text=asked.text or "", left_out=asked.left_out)
    )
    if out is None:  # an erasure came between
        raise UnknownIdError(
            f"user_id={user_id!r}", "the user was forgotten meanwhile, and the decision with them", "nothing is left to do"
        )
    return out


def _out(service: Service, user_id: str, found: Found, waiting: Proposal) -> ReviewOut:
    whole = service.portraits_by().of(service.state.person(user_id).history)
    values = whole.plain(service.release.space.catalog.items.ids)
    served = served_prose(whole.without(found.left_out), digest(values), found)
    since = [] if found.words is None else changed({"long": from_rows(found.words.interests)}, values, waiting.asked)[0]
    return ReviewOut(
        **_told(user_id, waiting),
        version=found.place,
        served=served,
        diff=[PieceOut(kind=piece.kind, text=piece.text) for piece in word_diff(served.text, waiting.text)],
        interests=interests_out(whole.long, service.cards),
        changes=[change_out(one) for one in since if one.layer == "long"],
        decided=_decided(found),
    )


def _told(user_id: str, one: Proposal) -> dict[str, Any]:
    told = ("why", "asked", "author", "text", "events", "holds")
    return {"user_id": user_id, **{name: getattr(one, name) for name in told}}


def _decided(found: Found) -> DecidedOut | None:
    one = found.words
    if one is None:
        return None
    return DecidedOut(decision=one.decision, reviewer=one.reviewer, time=one.time, text=one.text, left_out=one.left_out)


def _reviews(service: Service) -> Reviews:
    if service.reviews is None:
        raise StorageError("reviews", "this server keeps no portraits", "start it with a state store")
    return service.reviews
