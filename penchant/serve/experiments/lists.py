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
        teams: Arm of each place, where two arms were interleaved; else empty.
    """

    found: Recommendation
    teams: tuple[str, ...] = ()


def listed(way: Assigned, make: Make, request_id: str) -> Listed:
    """The list as the experiments want it.

    Two arms are interleaved by a coin that the request's id decides, so the same request gives the same list.

    Args:
        way: How it is to be made.
        make: Called once, or once for each arm of a draft.
        request_id: Of the request.
    """
    if way.draft is None:
        return Listed(make(way))
    arms = way.draft.shown
    first, second = (make(way.under(arm)) for arm in arms)
    k = max(len(first.suggestions), len(second.suggestions))
    places = {one.item: one for one in (*second.suggestions, *first.suggestions)}
    coin = np.random.default_rng(int(bucket(f"{way.draft.key}/draft", request_id) * (1 << 53)))
    drafted = team_draft([one.item for one in first.suggestions], [one.item for one in second.suggestions], k, coin)
    both = replace(
        first,
        suggestions=tuple(places[item] for item in drafted.items),
        used=tuple(dict.fromkeys((*first.used, *second.used))),
        missing={**second.missing, **first.missing},
        milliseconds={name: first.milliseconds.get(name, 0.0) + spent for name, spent in second.milliseconds.items()},
    )
    return Listed(both, tuple(arms[team].name for team in drafted.teams))
