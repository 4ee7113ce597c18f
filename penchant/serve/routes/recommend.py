"""Recommendations and search."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from penchant.data.catalog import Catalog
from penchant.pipeline.given import Given
from penchant.pipeline.reasons import Reason
from penchant.pipeline.recommender import Recommendation, Suggestion
from penchant.pipeline.steering import Steering
from penchant.serve.answers import Candidate, Cause, Found, Parts, RecommendOut, SearchOut, Stage, Suggested, Supported, Trace, Why
from penchant.serve.cards import Cards
from penchant.serve.experiments.assignment import NOTHING, Assigned
from penchant.serve.experiments.lists import Listed, listed
from penchant.serve.refusals import refusals
from penchant.serve.replays import record
from penchant.serve.requests import PastEvent, RecommendIn, SearchIn
from penchant.serve.routes.base import router
from penchant.serve.routes.kept_out import kept_out
from penchant.serve.routes.people import somebody, wishes
from penchant.serve.routes.steering import steering_of
from penchant.serve.served import Served
from penchant.serve.service import Arrived, Held, RequestId, Service
from penchant.serve.state import NOBODY, Past, Person
from penchant.serve.tracing import told

routes = router("lists")


@routes.post("/recommend", responses=refusals(404))
def recommend(asked: RecommendIn, service: Held, request_id: RequestId, arrived: Arrived) -> RecommendOut:
    """Recommend for a user, for any history that is passed along, or for nobody in particular."""
    with service.backend.turns.taken():
        return _recommend(asked, service, request_id, arrived)


def _recommend(asked: RecommendIn, service: Service, request_id: str, arrived: float) -> RecommendOut:
    started = time.perf_counter()
    now = int(time.time())
    person, unread = _person(asked, service)
    user_id = None if person is None else person.user_id  # who opted out is nobody to rules and steering, too
    steering, unheard = _steering(asked, user_id, service, now)
    read = time.perf_counter()
    way = _way(asked, service, person)
    given = Given(
        history=NOBODY if person is None else person.history,
        k=wanted(asked, len(service.release.space.catalog)),
        exclude_seen=asked.exclude_seen,
        hidden=np.array(() if person is None else person.hidden, np.int32),
        out=service.stock.codes(),
        steering=steering,
        user_id=user_id,
        now=now,
        seed=request_id,
        rules=service.recommender.policy.rules,
        outcomes=service.outcomes.now(),
    )

    def made(way: Assigned, *, late: bool = False) -> Recommendation:
        allowed = None if late else asked.deadline_ms or way.deadline_ms or service.backend.settings.deadline_ms
        return service.recommender.recommend(
            history=given.history,
            k=given.k,
            model=asked.model or way.model,
            exclude_seen=given.exclude_seen,
            hidden=given.kept_out,
            explain=not late,
            weights=way.weights,
            steering=given.steering,
            user_id=given.user_id,
            now=given.now,
            seed=given.seed,
            outcomes=given.outcomes,
            seconds=None if allowed is None else max(allowed / 1e3 - (time.perf_counter() - arrived), 0.0),
        )

    made_list = listed(way, made, request_id)
    found = made_list.found
    missing = [*unread, *unheard, *found.missing]
    service.metrics.rungs.labels(found.rung).inc()
    for part in missing:
        service.metrics.missing.labels(part).inc()
    ranked = time.perf_counter()
    if user_id is not None and found.history_length:
        service.keep_fresh(user_id)
    items = _suggested(found.suggestions, service.cards)
    ended = time.perf_counter()
    stages = {name: spent for name, spent in found.milliseconds.items() if name != "total"}
    _besides(way, made, found, service)
    _record(given, service, made_list, way, (ended - arrived) * 1e3)
    return RecommendOut(
        request_id=request_id,
        release=service.release.id,
        user_id=asked.user_id,
        history_length=found.history_length,
        items=items,
        rules=found.rules,
        ignored_events=found.ignored,
        rung=found.rung,
        experiments=dict(way.arms),
        parts=Parts(used=list(found.used), missing=missing),
        milliseconds=told(
            {
                "waiting": (started - arrived) * 1e3,
                "history": (read - started) * 1e3,
                **stages,
                "cards": (ended - ranked) * 1e3,
                "total": (ended - arrived) * 1e3,
            },
            found,
        ),
        personalised=person is not None,
        trace=_trace(found, service.cards) if asked.trace else None,
    )


@routes.post("/search")
def search(asked: SearchIn, service: Held, request_id: RequestId, arrived: Arrived) -> SearchOut:
    """Search the catalogue by words and by meaning."""
    started = time.perf_counter()
    out = kept_out(service, asked.user_id)
    read = time.perf_counter()
    k = min(asked.k, len(service.release.space.catalog))
    found = service.search.search(asked.query, k, exclude=out.codes)
    searched = time.perf_counter()
    rows = zip(service.cards.of(found.items), found.scores, found.matched, strict=True)
    items = [
        Found(**card, rank=rank, score=float(score), matched=list(matched)) for rank, (card, score, matched) in enumerate(rows, start=1)
    ]
    ended = time.perf_counter()
    spent = {
        "waiting": (started - arrived) * 1e3,
        "state": (read - started) * 1e3,
        "search": (searched - read) * 1e3,
        "cards": (ended - searched) * 1e3,
        "total": (ended - arrived) * 1e3,
    }
    return SearchOut(
        request_id=request_id, query=asked.query, items=items, rules=out.rules, missing=list(out.missing), milliseconds=told(spent)
    )


def _trace(found: Recommendation, cards: Cards) -> Trace:
    def candidates(items: np.ndarray, scores: np.ndarray) -> list[Candidate]:
        real = items > 0
        rows = zip(cards.ids(items[real].tolist()), scores[real].tolist(), strict=True)
        return [Candidate(item_id=item_id, score=score) for item_id, score in rows]

    names = [*found.lists, *(name for name in found.missing if name not in found.lists)]
    stages = {
        name: Stage(
            candidates=candidates(found.lists[name].items[0], found.lists[name].scores[0]) if name in found.lists else [],
            milliseconds=found.asked_ms.get(name),
            missing=found.missing.get(name),
        )
        for name in names
    }
    merged = [] if found.merged is None else candidates(found.merged.items, found.merged.scores)
    ranked = [] if found.ranked is None else candidates(found.ranked.items, found.ranked.scores)
    return Trace(generators=stages, merged=merged, ranked=ranked, left_out=cards.ids(found.left_out.tolist()))


def wanted(asked: RecommendIn, num_items: int) -> int:
    """The length of the list. Only a length that was asked for can be too large for the catalogue."""
    return asked.k if "k" in asked.model_fields_set else min(asked.k, num_items)


def _way(asked: RecommendIn, service: Service, person: Person | None) -> Assigned:
    """How experiments want the list; whoever asks for one model is in none."""
    if service.backend.experiments is None or person is None or asked.model is not None:
        return NOTHING
    return service.backend.experiments.assigned(person.user_id, person.known, service.recommender.models)


def _besides(way: Assigned, made: Callable[..., Recommendation], found: Recommendation, service: Service) -> None:
    """Have the lists made that nobody sees."""
    if service.backend.experiments is None:
        return
    shown = [one.item for one in found.suggestions]
    for name, arm in way.shadows:
        service.backend.experiments.shadows.offer(
            name, arm.name, lambda arm=arm: [one.item for one in made(way.under(arm), late=True).suggestions], shown
        )


def _record(given: Given, service: Service, made: Listed, way: Assigned, milliseconds: float) -> None:
    """Keep what was served, and what made it; of whom opted out not to whom."""
    log = service.backend.served
    if log is None:
        return
    same_rules = made.found.rules == given.rules.version  # they may have changed meanwhile: such a list is not made again
    log.append(
        Served(
            request_id=given.seed,
            at=time.time(),
            user_id=given.user_id,
            release=service.release.id,
            rung=made.found.rung,
            items=tuple(one.item_id for one in made.found.suggestions),
            propensities=tuple(one.propensity for one in made.found.suggestions),
            arms=way.arms,
            milliseconds=milliseconds,
            replay=record(log, service.release, given, made, way.draft) if same_rules else {},
        )
    )


def _person(asked: RecommendIn, service: Service) -> tuple[Person | None, list[str]]:
    """Whom to recommend for, and the parts that could not be read: without its log the service goes by the release.

    For a person who opted out it is nobody, whatever is passed along.
    """
    person, missing = _somebody(asked, service)
    return (person if person is not None and person.personalised else None), missing


def _somebody(asked: RecommendIn, service: Service) -> tuple[Person | None, list[str]]:
    if asked.events is None:
        return somebody(service, asked.user_id)
    events = _past(asked.events, service.release.space.catalog, now=None if asked.user_id is None else int(time.time()))
    return service.state.with_events(asked.user_id, events), []


def _steering(asked: RecommendIn, user_id: str | None, service: Service, now: int) -> tuple[Steering, list[str]]:
    """What holds for the user and what is asked for this time, and the parts that could not be read."""
    this_time = Steering() if asked.steer is None else steering_of(asked.steer, service, now)
    always, unheard = wishes(service, user_id, now)
    return always + this_time, unheard


def _past(events: Sequence[PastEvent | str], catalog: Catalog, now: int | None) -> Past:
    rows = [PastEvent(item_id=event) if isinstance(event, str) else event for event in events]
    codes = [catalog.items.code(row.item_id, "item_id") for row in rows]
    return Past.of(
        [(code, row.event, now if row.timestamp is None else row.timestamp) for code, row in zip(codes, rows, strict=True)], live=True
    )


def _suggested(suggestions: Sequence[Suggestion], cards: Cards) -> list[Suggested]:
    why = [one.reason for one in suggestions]
    named = sorted({code for one in why for code in (*one.because, *(() if one.interest is None else one.interest.evidence))})
    causes = {
        code: Cause(item_id=item_id, title=title) for code, item_id, title in zip(named, cards.ids(named), cards.titles(named), strict=True)
    }
    return [
        Suggested(
            **card,
            rank=rank,
            score=one.score,
            sources=list(one.sources),
            reason=_why(one.reason, causes),
            propensity=one.propensity,
            labels=list(one.labels),
        )
        for rank, (card, one) in enumerate(zip(cards.of([one.item for one in suggestions]), suggestions, strict=True), start=1)
    ]


def _why(reason: Reason, causes: Mapping[int, Cause]) -> Why:
    interest = None
    if reason.interest is not None:
        found = reason.interest
        interest = Supported(path=list(found.path), events=found.events, of=found.of, evidence=[causes[code] for code in found.evidence])
    return Why(
        text=reason.text,
        because=[causes[code] for code in reason.because],
        kind=reason.kind,
        shared=[list(path) for path in reason.shared],
        interest=interest,
    )
