"""Buying again: rank the product types a household has by how probable their next purchase is in the four weeks to come.

Flow     purchases -> days between those of one household and type -> a renewal model with priors of type and household -> the chance of a
         purchase within 28 days -> order of the types
Departs  after Bhagat et al. (Amazon, KDD 2018, doi:10.1145/3219819.3219891): log-normal intervals with shrunken means in place of the
         Poisson-Gamma; product types in place of products
Letters  P pairs of household and type
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.seeds import generator
from penchant.recipes.language.windows import day_at
from penchant.users.categories import CategoryTree
from penchant.users.repurchase import Cycles, Pairs, Purchases

PAPER = Paper("Repurchase", "Buy It Again: Modeling Repeat Purchase Recommendations", "Amazon, KDD 2018", "doi:10.1145/3219819.3219891")
TINY: dict[str, object] = {"windows": 1}
WITHIN, K = 28, 10
#: From pairs, float[P] scores and bool[P], what is bought: users, and how well each is told.
Judged = Callable[[Pairs, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class Way(StrEnum):
    """What types are ranked by."""

    RENEWAL = "renewal"
    FREQUENT = "frequent"
    RECENT = "recent"
    MEAN = "mean"


@dataclass(frozen=True)
class Again:
    """What was learnt before the first window.

    Attributes:
        way: What types are ranked by.
        kinds: int32[N + 1], the type of each item.
        cycles: When types are bought again.
        start: The first window's first day.
        windows: How many of them, one after the other.
        shuffled: Seed by which the days of what was bought before are drawn anew; None leaves them.
    """

    way: Way
    kinds: np.ndarray
    cycles: Cycles
    start: int
    windows: int
    shuffled: int | None = None

    def score(self, pairs: Pairs, day: int) -> np.ndarray:
        """float[P], more for what is sooner bought again within the window that begins on a day."""
        if self.way is Way.FREQUENT:
            return pairs.intervals.astype(float)
        if self.way is Way.RECENT:
            return pairs.last.astype(float)
        if self.way is Way.MEAN:
            return by_mean_interval(self.cycles, pairs, day)
        return self.cycles.due(pairs, day, within=WITHIN).chance


def by_mean_interval(cycles: Cycles, pairs: Pairs, day: int) -> np.ndarray:
    """float[P], how near the day is on which a purchase would come after the pair's mean interval, or its type's."""
    mean = np.where(pairs.intervals > 0, pairs.sums / np.maximum(pairs.intervals, 1), cycles.means[pairs.kinds])
    return -np.abs(pairs.last + np.exp(mean) - (day + WITHIN / 2))


def build(lab: Lab, *, way: Way = Way.RENEWAL, dated: bool = True, share: float = 0.75, windows: int = 3) -> Again:
    """Learn the cycles of types and households.

    Args:
        lab: What may be seen; of it what is before the first window.
        way: What types are ranked by.
        dated: Whether purchases keep their days; otherwise those of each household are drawn anew among its days, as a control.
        share: Of all days, after which the first window begins.
        windows: Of four weeks each.
    """
    kinds = CategoryTree.of(lab.catalog).kinds
    start = day_at(lab.train, share)
    purchases = Purchases.of(lab.train, kinds)
    seen = purchases if dated else shuffled(purchases, start, lab.seed)
    cycles = Cycles.fit(seen, start, users=int(lab.train.users.max()), kinds=int(kinds.max()))
    return Again(Way(way), kinds, cycles, start, windows, None if dated else lab.seed)


def shuffled(purchases: Purchases, until: int, seed: int = 0) -> Purchases:
    """Purchases before ``until`` on days drawn evenly over those of the same household; two of a pair on one day count once."""
    random = generator(seed)
    early = purchases.before(until)
    first, last = (np.full(int(purchases.users.max()) + 1, fill) for fill in (until, 0))
    np.minimum.at(first, early.users, early.days)
    np.maximum.at(last, early.users, early.days)
    spans = last[early.users] - first[early.users] + 1
    drawn = first[early.users] + (random.random(len(early)) * spans).astype(np.int32)
    rows = np.stack([early.users, early.kinds, drawn], axis=1)
    return Purchases(*np.unique(rows.astype(np.int32), axis=0).T)


def measure(model: Again, world: World) -> Mapping[str, np.ndarray]:
    """Recall@10 of the types bought in each window among those bought before, a mean a household."""
    found = by_household(model, Purchases.of(world.dataset.histories, model.kinds), recalls)
    return {f"recall@{K}": found[~np.isnan(found)]}


def by_household(model: Again, purchases: Purchases, judged: Judged) -> np.ndarray:
    """float[U + 1] by user code, the mean over the windows in which something can be said of a household; nan where that is none.

    Args:
        model: Ranks.
        purchases: Of all days; a window's are what is to be found.
        judged: Says how well, see ``recalls``.
    """
    before = purchases.before(model.start) if model.shuffled is None else shuffled(purchases, model.start, model.shuffled)
    total, count = np.zeros(int(purchases.users.max()) + 1), np.zeros(int(purchases.users.max()) + 1)
    for day in range(model.start, model.start + WITHIN * model.windows, WITHIN):
        since = purchases.where((purchases.days >= model.start) & (purchases.days < day))
        pairs = Pairs.of(joined(before, since))
        window = purchases.where((purchases.days >= day) & (purchases.days < day + WITHIN))
        users, values = judged(pairs, model.score(pairs, day), np.isin(keys(pairs), keys(window)))
        total[users] += values
        count[users] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def recalls(pairs: Pairs, scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users with something bought in the window, and the share of it among their K highest scores.

    Args:
        pairs: P, sorted by user.
        scores: float[P].
        right: bool[P], what is bought.
    """
    ties = generator(1).permutation(len(pairs))  # what stands first in the catalogue decides nothing
    order = np.lexsort((ties, -scores, pairs.users))
    users = pairs.users[order]
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    bought = np.bincount(users, right[order])
    found = np.bincount(users, right[order] & (place < K))
    some = np.flatnonzero(bought)
    return some, found[some] / bought[some]


def keys(of: Pairs | Purchases) -> np.ndarray:
    """int64, one number a household and type, rising as pairs and purchases are sorted."""
    return (of.users.astype(np.int64) << 32) + of.kinds


def joined(first: Purchases, second: Purchases) -> Purchases:
    """Both, sorted."""
    rows = np.concatenate([np.stack([one.users, one.kinds, one.days], axis=1) for one in (first, second)])
    return Purchases(*np.unique(rows, axis=0).T)


CLAIMS = [
    Claim(
        name="renewal-beats-habits",
        says="A renewal model names the types a household buys in the next four weeks better than what was bought most often, most "
        "recently, or is due by the mean interval; without the dates the gain is lost.",
        subject=Arm("renewal model", "repurchase"),
        rivals=[
            Arm("most frequent", "repurchase", {"way": Way.FREQUENT}),
            Arm("most recent", "repurchase", {"way": Way.RECENT}),
            Arm("mean interval", "repurchase", {"way": Way.MEAN}),
        ],
        controls=[Arm("renewal model, dates shuffled", "repurchase", {"dated": False})],
        dataset="complete-journey",
        metric=f"recall@{K}",
        shown=(),
        rows="households",
        budget=Budget(steps=1),
        note="Learnt until the end of September, measured in three windows of four weeks from October on.",
    ),
]
