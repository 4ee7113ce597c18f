"""Making the list of somebody who takes part in an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from penchant.evaluate.interleaving import team_draft
from penchant.pipeline.recommender import Recommendation
from penchant.serve.experiments.assignment import Assigned, bucket

#: Makes a list in a way.
Make = Callable[[Assigned], Recommendation]


@dataclass(frozen=True)
class Listed:
    """A list, and who put what there.

    Attributes:
        found: The list.
        made: How it was made, and what came of that; of a draft both lists.
        teams: Arm of each place, where two arms were interleaved; else empty.
    """

    found: Recommendation
    made: tuple[tuple[Assigned, Recommendation], ...]
    teams: tuple[str, ...] = ()


def listed(way: Assigned, make: Make, request_id: str) -> Listed:
    """The list as the experiments want it.

    Args:
        way: How it is to be made.
        make: Called once, or once for each arm of a draft.
        request_id: Of the request.
    """
    if way.draft is None:
        found = make(way)
        return Listed(found, ((way, found),))
    ways = [way.under(arm) for arm in way.draft.shown]
    made = tuple((one, make(one)) for one in ways)
    (_, first), (_, second) = made
    both, teams = drafted(first, second, way.draft.key, request_id)
    return Listed(both, made, tuple(way.draft.shown[team].name for team in teams))


def drafted(first: Recommendation, second: Recommendation, key: str, request_id: str) -> tuple[Recommendation, tuple[int, ...]]:
    """Two lists as one, and which put each item there: 0 or 1.

    A coin that the request's id decides says who chooses first, so the same request gives the same list.

    Args:
        first: Of the one arm.
        second: Of the other.
        key: Of the experiment.
        request_id: Of the request.
    """
    k = max(len(first.suggestions), len(second.suggestions))
    places = {one.item: one for one in (*second.suggestions, *first.suggestions)}
    coin = np.random.default_rng(int(bucket(f"{key}/draft", request_id) * (1 << 53)))
    draft = team_draft([one.item for one in first.suggestions], [one.item for one in second.suggestions], k, coin)
    both = replace(
        first,
        suggestions=tuple(places[item] for item in draft.items),
        used=tuple(dict.fromkeys((*first.used, *second.used))),
        missing={**second.missing, **first.missing},
        milliseconds={name: first.milliseconds.get(name, 0.0) + spent for name, spent in second.milliseconds.items()},
    )
    return both, draft.teams
