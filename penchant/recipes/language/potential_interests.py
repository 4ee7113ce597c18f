"""Potential interests: categories a household never bought, told by what people alike buy, and bought within the next 60 days.

Flow     categories of everybody -> which go together -> naive Bayes over what a household has -> five it does not have
Departs  no paper's system: the potential layer of portraits from events alone; see ``chain_of_thought`` for one that reasons
Letters  G categories, U users
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.recipes.language.windows import day_at
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.portrait_shares import potential, shares
from penchant.users.potential import Adoption

PAPER = Paper("Potential interests", "The potential layer of portraits from events alone", "Penchant, 2026", "ARCHITECTURE.md")
TINY: dict[str, object] = {}
DAYS, K = 60, 5


@dataclass(frozen=True)
class Guess:
    """What was learnt before the cut.

    Attributes:
        made: Makes portraits.
        cut: UTC seconds.
        alike: Whether what a household has counts; otherwise everybody is told the commonest categories they lack.
    """

    made: Portraits
    cut: int
    alike: bool

    def first(self, before: Histories) -> np.ndarray:
        """int64[U, K], categories without others below them that a row has nothing of, the most probable first; 0 where there is none."""
        long = shares(self.made, before).long
        found = potential(self.made, long if self.alike else np.zeros_like(long))
        found = np.where((long > 0) | ~narrow(self.made.tree), 0.0, found)
        best = np.argsort(-found, axis=1, kind="stable")[:, :K]
        return np.where(np.take_along_axis(found, best, axis=1) > 0, best, 0)


def build(lab: Lab, *, alike: bool = True, own: bool = True, share: float = 5 / 6) -> Guess:
    """Learn which categories go together.

    Args:
        lab: What may be seen; of it what is before the cut.
        alike: Whether what a household has counts.
        own: Whether categories keep their households; otherwise each category is given to as many random ones, as a control.
        share: Of all days, after which the cut is.
    """
    cut = day_at(lab.train, share) * DAY
    before = lab.train.where(lab.train.times < cut)
    tree = CategoryTree.of(lab.catalog)
    made = Portraits.fit(before, tree, PortraitSettings(potential=len(tree)))
    if not own:
        had = shares(made, before).long > 0
        random = generator(lab.seed)
        mixed = np.stack([column[random.permutation(len(column))] for column in had.T], axis=1)
        made = Portraits(tree, Adoption.of(sparse.csr_matrix(mixed)), made.cycles, made.settings)
    return Guess(made, cut, alike)


def narrow(tree: CategoryTree) -> np.ndarray:
    """bool[G + 1], categories with none below them."""
    found = np.ones(len(tree) + 1, bool)
    found[tree.parents] = False
    return found


def measure(model: Guess, world: World) -> Mapping[str, np.ndarray]:
    """Precision of five categories, of each user who begins with one after the cut that they had nothing of."""
    whole, tree = world.dataset.histories, model.made.tree
    before = whole.where(whole.times < model.cut)
    after = whole.where((whole.times >= model.cut) & (whole.times < model.cut + DAYS * DAY))
    had, later = (held(one, tree) for one in (before, after))
    new = later & ~had & narrow(tree)
    asked = np.flatnonzero(new.any(axis=1) & (before.lengths > 0))
    named = model.first(before.take(asked))
    return {f"precision@{K}": (np.take_along_axis(new[asked], named, axis=1) & (named > 0)).sum(axis=1) / K}


def held(histories: Histories, tree: CategoryTree) -> np.ndarray:
    """bool[U, G + 1], categories that some item of a row ends in."""
    rows = sparse.csr_matrix(
        (np.ones(histories.num_events, np.float32), (histories.rows, histories.items)),
        shape=(len(histories), len(tree.items.indptr) - 1),
    )
    return sparse.csr_matrix(rows @ tree.items).toarray() > 0


CLAIMS = [
    Claim(
        name="potential-interests-come-true",
        says="Of five categories a household never bought, more are bought within 60 days where people alike name them than where all do.",
        subject=Arm("people alike", "potential_interests"),
        rivals=[Arm("the commonest", "potential_interests", {"alike": False})],
        controls=[Arm("categories of random households", "potential_interests", {"own": False})],
        dataset="complete-journey",
        metric=f"precision@{K}",
        shown=(),
        rows="households",
        budget=Budget(steps=1),
        note="Learnt until the end of October; those households that begin with some category in the 60 days after.",
    ),
]
