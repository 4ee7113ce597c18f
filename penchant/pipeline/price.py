"""What a change of lists costs before anybody sees it: the newest event of users who are known, found with and without it.

The newest event of each user is left out, and both ways make a list from what came before. The models of a release have not
seen these events: it keeps them for its own measurement, of everybody with ``LEAST`` events. The log was made by other
lists than either: a change that shows what nobody was shown before looks worse here than it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.core.progress import progress
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.evaluate.metrics import per_row
from penchant.evaluate.significance import Difference, Resampling, compare

LEAST = 3  # events of a user; the models are trained with all events of those with fewer
#: Makes a list of at most k item codes for one history.
Lists = Callable[[Histories, int], list[int]]


@dataclass(frozen=True)
class Price:
    """What a change does to lists.

    Attributes:
        users: Whose newest event was looked for.
        before: Mean of each metric without the change.
        change: What the change adds, with a paired interval.
        same: Share of places that hold the same item both ways, 0..1.
    """

    users: int
    before: Mapping[str, float]
    change: Mapping[str, Difference]
    same: float


def price(histories: Histories, usual: Lists, changed: Lists, *, users: int = 500, k: int = 10, seed: int = 0) -> Price:
    """Compare two ways to make lists on the newest events of users.

    Args:
        histories: Of all users.
        usual: As it is.
        changed: As it would be.
        users: Drawn at most, of those with at least ``LEAST`` events.
        k: Length of the lists.
        seed: Of the draw.

    Raises:
        InputError: Nobody has so many events, or k or users are below 1.
    """
    require(users >= 1 and k >= 1, f"users={users}, k={k}", "there is at least one of both", "pass larger ones")
    enough = np.flatnonzero(histories.lengths >= LEAST)
    nobody = f"nobody with {LEAST} events"
    require(len(enough) > 0, nobody, "the newest is looked for, from those before", "use a release with longer histories")
    drawn = np.sort(generator(seed).permutation(enough)[:users])
    before, wanted = histories.take(drawn).without_last(1), histories.take(drawn).last(1)
    lists = np.zeros((2, len(drawn), k), np.int32)
    with progress("both lists of each user", total=len(drawn), unit="users") as bar:
        for row in range(len(drawn)):
            one = before.take(np.array([row]))
            for way, make in enumerate((usual, changed)):
                found = make(one, k)[:k]
                lists[way, row, : len(found)] = found
            bar.update(1)
    first, second = (per_row(side, wanted, [k]) for side in lists)
    names = (f"ndcg@{k}", f"recall@{k}")
    return Price(
        users=len(drawn),
        before={name: float(first[name].mean()) for name in names},
        change={name: compare(second[name], first[name], Resampling(seed=seed)) for name in names},
        same=float((lists[0] == lists[1])[(lists > 0).any(axis=0)].mean()) if (lists > 0).any() else 1.0,
    )
