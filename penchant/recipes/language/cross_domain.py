"""Intents across domains: what a household buys in other departments, and what it then buys in one of which nothing is known.

Flow     categories a household has elsewhere -> how much more often those who have them have each category of the department than who
         buys as broadly there -> its items by popularity and that
Departs  no paper's system: counts stand in for the reasoning of a language model about intents, see ``penchant.users.intents``
Letters  R households, n items of a department
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import torch

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.evaluate.metrics import per_row
from penchant.models.retrieval.linear import LinearItemModel, ease
from penchant.ranking import top_k
from penchant.recipes.language.windows import day_at
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.intents import Intents
from penchant.users.lifts import roots

PAPER = Paper("Cross-domain intents", "Intents across domains from counts of categories", "Penchant, 2026", "ARCHITECTURE.md")
TINY: dict[str, object] = {"least_items": 1, "least_share": 0.01, "priors": (1.0,), "tempers": (0.3,), "ridges": (100.0,)}
K = 10
_PARTS = (0.6, 0.2)  # of all households: who is learnt from, by whom is chosen; the others are asked
_DRAW = 0  # by which households are put into parts, the same for every seed; nobody of the last part was looked at for the formula


class Way(StrEnum):
    """What items of a department are ranked by."""

    INTENTS = "intents"
    POPULAR = "popular"
    SINGLE = "single"
    JOINT = "joint"


#: From histories without the department and its category, float[R, n] for its items.
Scores = Callable[[Histories, int], np.ndarray]


@dataclass(frozen=True)
class CrossDomain:
    """What was learnt before the cut, of other households than those asked.

    Attributes:
        ranks: Scores the items of a department.
        departments: Their items, in the order of scores, by category.
        cut: UTC seconds.
        shuffled: Seed by which each household gets somebody else's history; None leaves its own.
    """

    ranks: Scores
    departments: Mapping[int, np.ndarray]
    cut: int
    shuffled: int | None = None

    def quality(self, whole: Histories, rows: np.ndarray) -> Mapping[str, np.ndarray]:
        """NDCG and recall of each household that buys in some department after the cut and in others before, a mean over departments.

        Args:
            whole: All households.
            rows: Who is asked.
        """
        asked = whole.take(rows)
        before, after = asked.where(asked.times < self.cut), asked.where(asked.times >= self.cut)
        sums, count = {f"{name}@{K}": np.zeros(len(asked)) for name in ("ndcg", "recall")}, np.zeros(len(asked))
        for department, items in self.departments.items():
            known, wanted = before.where(~np.isin(before.items, items)), after.where(np.isin(after.items, items))
            here = np.flatnonzero((known.lengths > 0) & (wanted.lengths > 0))
            if len(here):
                source = known.take(here if self.shuffled is None else others(here, self.shuffled))
                found = per_row(lists(self.ranks(source, department), items), distinct(wanted.take(here)), (K,))
                for name, total in sums.items():
                    total[here] += found[name]
                count[here] += 1
        return {name: total[count > 0] / count[count > 0] for name, total in sums.items()}


def build(
    lab: Lab,
    *,
    way: Way = Way.INTENTS,
    own: bool = True,
    share: float = 0.75,
    least_items: int = 100,
    least_share: float = 0.1,
    priors: Sequence[float] = (3.0, 10.0, 30.0),
    tempers: Sequence[float] = (0.3, 0.5, 0.7),
    ridges: Sequence[float] = (1_000.0, 2_000.0, 4_000.0),
) -> CrossDomain:
    """Learn of some households, choose by others.

    Args:
        lab: What may be seen; of it what is before the cut, and of those by whom is chosen what is after it.
        way: What items of a department are ranked by.
        own: Whether each household is known by its own history; otherwise by somebody else's, as a control.
        share: Of all days, after which the cut is.
        least_items: That a department has, to be asked about.
        least_share: Of the households learnt from, that buy in a department, to be asked about.
        priors: Of lifts, to choose from.
        tempers: To choose from.
        ridges: Of EASE over all departments, to choose from.
    """
    cut = day_at(lab.train, share) * DAY
    learn, choose, _ = parts(len(lab.train))
    seen = lab.train.take(learn)
    seen = seen.where(seen.times < cut)
    tree = CategoryTree.of(lab.catalog)
    intents = Intents.fit(seen, tree)
    departments = asked_about(intents, seen, least_items, least_share)
    popular = intents.shares

    def counted(prior: float) -> Sequence[Intents]:
        settings = intents.settings.but(prior=prior)
        fitted = Intents.fit(seen, tree, settings)
        return [replace(fitted, settings=settings.but(temper=temper)) for temper in tempers]

    found: list[Scores]
    if Way(way) is Way.INTENTS:
        found = [one.scores for prior in priors for one in counted(prior)]
    elif Way(way) is Way.JOINT:
        found = [_by_ease(ease(seen, lab.num_items, l2=ridge, max_items=4_000), departments, popular) for ridge in ridges]
    elif Way(way) is Way.SINGLE:
        found = [_single(seen, lab.num_items, departments, popular)]
    else:
        found = [lambda histories, department: np.tile(popular[departments[department]], (len(histories), 1))]
    made = [CrossDomain(one, departments, cut) for one in found]
    best = int(np.argmax([one.quality(lab.train, choose)[f"ndcg@{K}"].mean() for one in made])) if len(made) > 1 else 0
    return made[best] if own else CrossDomain(found[best], departments, cut, lab.seed)


def measure(model: CrossDomain, world: World) -> Mapping[str, np.ndarray]:
    """NDCG@10 and recall@10 in departments of which nothing is known, a mean a household."""
    whole = world.dataset.histories
    return model.quality(whole, parts(len(whole))[2])


def parts(households: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are learnt from, by which is chosen, and that are asked."""
    drawn = generator(_DRAW).permutation(households)
    first, second = (round(households * share) for share in np.cumsum(_PARTS))
    return np.sort(drawn[:first]), np.sort(drawn[first:second]), np.sort(drawn[second:])


def asked_about(intents: Intents, seen: Histories, least_items: int, least_share: float) -> dict[int, np.ndarray]:
    """Departments by their category with their items: those of enough items in which enough households buy."""
    found = {}
    for department in np.unique(roots(intents.tree)[1:]).tolist():
        items = intents.items(department)
        buyers = seen.where(np.isin(seen.items, items)).lengths > 0
        if len(items) >= least_items and buyers.mean() >= least_share:
            found[department] = items
    return found


def others(rows: np.ndarray, seed: int) -> np.ndarray:
    """For each row another one, as long as there are two."""
    drawn = generator(seed).permutation(len(rows))
    found = np.empty_like(rows)
    found[drawn] = rows[np.roll(drawn, 1)]
    return found


def lists(scores: np.ndarray, items: np.ndarray) -> np.ndarray:
    """int32[R, K], the best items of a department, with 0 after the last of a small one.

    Args:
        scores: float[R, n].
        items: int64[n].
    """
    padded = torch.full((len(scores), len(items) + 1), -torch.inf)
    padded[:, 1:] = torch.from_numpy(scores)
    best = top_k(padded, min(K, len(items))).items
    return np.pad(np.concatenate([[0], items])[best], ((0, 0), (0, K - best.shape[1]))).astype(np.int32)


def distinct(histories: Histories) -> Histories:
    """Each item of a row once, where it came first."""
    keys = histories.rows * (int(histories.items.max(initial=0)) + 1) + histories.items
    keep = np.zeros(histories.num_events, bool)
    keep[np.unique(keys, return_index=True)[1]] = True
    return histories.where(keep)


def _by_ease(model: LinearItemModel, departments: Mapping[int, np.ndarray], popular: np.ndarray) -> Scores:
    """Scores of a linear model; where it says nothing, popularity decides."""

    def scores(histories: Histories, department: int) -> np.ndarray:
        items = departments[department]
        return model.score(histories).numpy()[:, items].astype(np.float64) + 1e-6 * popular[items]

    return scores


def _single(seen: Histories, num_items: int, departments: Mapping[int, np.ndarray], popular: np.ndarray) -> Scores:
    """EASE of each department alone, which is all that it knows."""
    made = {
        one: _by_ease(ease(seen.where(np.isin(seen.items, items)), num_items, max_items=2_000), departments, popular)
        for one, items in departments.items()
    }
    return lambda histories, department: made[department](histories, department)


_NOTE = (
    "Households are put into parts once: 60% are learnt from, by 20% settings are chosen, 20% are asked. All is learnt before the last "
    "quarter of the year; in it is looked for what a household buys in a department, each item once, and what it bought there before is "
    "hidden. Departments with at least 100 items in which at least 10% of the households learnt from buy; a household's value is the mean "
    "over those in which it buys. "
)

CLAIMS = [
    Claim(
        name="intents-reach-hidden-departments",
        says="What a household buys in other departments tells what it buys in one of which nothing is known, better than what is popular "
        "there; with somebody else's purchases the gain is lost.",
        subject=Arm("intents", "cross_domain"),
        rivals=[
            Arm("popularity in the department", "cross_domain", {"way": Way.POPULAR}),
            Arm("EASE of the department alone", "cross_domain", {"way": Way.SINGLE}),
        ],
        controls=[Arm("somebody else's purchases", "cross_domain", {"own": False})],
        dataset="complete-journey",
        metric=f"ndcg@{K}",
        shown=(f"recall@{K}",),
        rows="households",
        budget=Budget(steps=1),
        note=_NOTE + "A model of one department that is told nothing of it falls back to what is popular, so both rivals are the same.",
    ),
    Claim(
        name="intents-beat-ease-over-all-departments",
        says="Counted categories tell what a household buys in a department of which nothing is known better than EASE over the items of "
        "all departments.",
        subject=Arm("intents", "cross_domain"),
        rivals=[Arm("EASE over all departments", "cross_domain", {"way": Way.JOINT})],
        dataset="complete-journey",
        metric=f"ndcg@{K}",
        shown=(f"recall@{K}",),
        rows="households",
        budget=Budget(steps=1),
        note=_NOTE + "EASE knows the 4,000 items of most households, with a ridge chosen by the same households as the intents' settings.",
    ),
]
