"""Answers made again: what a record has to hold for that, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from penchant.core.errors import ArtifactError, require
from penchant.data.histories import Histories
from penchant.pipeline.difference import Shift, shifts
from penchant.pipeline.given import Given, Way
from penchant.pipeline.reasons import Reason
from penchant.pipeline.recommender import Recommendation, Suggestion
from penchant.pipeline.release import Release
from penchant.pipeline.replay import carried, remade
from penchant.pipeline.rules.kinds import Rules
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.lists import Listed, drafted
from penchant.serve.served import Served, ServedLog
from penchant.serve.state import NOBODY


@dataclass(frozen=True)
class Replayed:
    """An answer made again.

    Attributes:
        served: What was answered.
        found: The list now.
        same: Whether items, scores and propensities are those of the answer, bit for bit.
        generators: What each of them says now, see ``penchant.pipeline.replay``; of an interleaved list that of both arms.
        unknown: Events and hidden items that the other release does not have.
        shifts: What stands elsewhere than in the answer.
    """

    served: Served
    found: Recommendation
    same: bool
    generators: Mapping[str, str]
    unknown: int
    shifts: Sequence[Shift]


def record(log: ServedLog, release: Release, given: Given, made: Listed, draft: Experiment | None) -> dict[str, Any]:
    """What the record of an answer holds beside the answer, as JSON values.

    Args:
        log: Keeps what answers share.
        release: That made it.
        given: What it was made from.
        made: The list.
        draft: The experiment that interleaves; None: nobody does.
    """
    return {
        "given": given.plain(log.keep, _known(release, given.user_id), _ranked(made)),
        "ways": [Way.of(found, way.weights).plain() for way, found in made.made],
        "scores": [one.score for one in made.found.suggestions],
        "draft": None if draft is None else draft.key,
        "teams": {} if draft is None else {draft.name: made.teams},
    }


def replay(log: ServedLog, served: Served, then: Release, *, against: Release | None = None, rules: Rules | None = None) -> Replayed:
    """Make an answer again.

    Args:
        log: That has the record.
        served: The answer.
        then: The release that made it.
        against: Another one that shall make it; None: the same.
        rules: Other rules that it shall follow; None: those of then.

    Raises:
        InputError: ``then`` is another release, or the answer is kept without what made it.
        ArtifactError: The record is damaged, or what the other release has in place of a model cannot be asked.
    """
    require(
        served.release == then.id,
        f"release {then.id[:12]}",
        f"the answer was made by release {served.release[:12]}",
        "put that release on the shelf again",
    )
    told = served.replay
    require("given" in told, f"answer {served.request_id}", "it was kept without what made it", "ask for a newer answer")
    try:
        given = Given.parse(told["given"], log.kept, _known(then, served.user_id), served.user_id, served.request_id)
        ways = [Way.parse(way) for way in told["ways"]]
        draft, scores = told["draft"], tuple(told["scores"])
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"answer {served.request_id}", f"its record is damaged ({error})", "ask for another one") from error
    before, generators = _list(then, given, ways, draft)
    exact = [one.item_id for one in before.suggestions] == list(served.items)
    exact = exact and tuple(one.score for one in before.suggestions) == scores
    exact = exact and tuple(one.propensity for one in before.suggestions) == tuple(served.propensities)
    if against is None and rules is None:
        return Replayed(served, before, exact, generators, 0, shifts(_as_served(before, served), before, *[then.space.catalog] * 2))
    other, unknown = against or then, 0
    if against is not None and against.id != then.id:
        given, ways, unknown = carried(given, ways, then.space.catalog, against.space.catalog)
    after, generators = _list(other, given if rules is None else replace(given, rules=rules), ways, draft)
    return Replayed(served, after, False, generators, unknown, shifts(before, after, then.space.catalog, other.space.catalog))


def _list(release: Release, given: Given, ways: Sequence[Way], draft: str | None) -> tuple[Recommendation, dict[str, str]]:
    made = [remade(release, given, way, explain=True) for way in ways]
    generators = {name: what for one in reversed(made) for name, what in one.generators.items()}
    found = made[0].found if draft is None else drafted(made[0].found, made[1].found, draft, given.seed)[0]
    return found, generators


def _as_served(found: Recommendation, served: Served) -> Recommendation:
    """The same with the answer's items, as far as the list still has them in some stage."""
    places = {one.item_id: one for one in found.suggestions}
    if list(places) == list(served.items):
        return found
    gone = [Suggestion(0, item, 0.0, (), Reason("", "none")) for item in served.items]
    return replace(found, suggestions=tuple(places.get(one.item_id, one) for one in gone))


def _ranked(made: Listed) -> list[int]:
    """All that chance could have shown."""
    return [item for _, found in made.made if found.ranked is not None for item in found.ranked.items.tolist()]


def _known(release: Release, user_id: str | None) -> Histories:
    """The row of a user in a release, which a record need not repeat."""
    code = 0 if user_id is None else int(release.users.encode([user_id])[0])
    return release.histories.take(np.array([code - 1])) if code else NOBODY
