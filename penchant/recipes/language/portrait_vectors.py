"""Portraits as vectors that find items, with nothing trained: the model-free portrait alone, or beside what everybody takes.

Flow     events -> shares of categories, of the newest events and of all -> cosine with what an item's categories say, rare ones more
         -> added to popularity, both standardised over the catalogue
Departs  no paper's system: what every other use of portraits is held against
Letters  G categories, U users
"""

from __future__ import annotations

import numpy as np
from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import Scorer
from penchant.models.blend import Blend
from penchant.models.portrait_scorer import PortraitScorer
from penchant.models.retrieval.popularity import Popularity
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits
from penchant.users.portrait_shares import shares

PAPER = Paper("Portrait vectors", "Portraits of people from their events alone, as vectors", "Penchant, 2026", "ARCHITECTURE.md")
TINY: dict[str, object] = {}
SPACE = {"popular": FloatDistribution(0.1, 10.0, log=True), "short": FloatDistribution(0.0, 1.0)}


def build(lab: Lab, *, short: float = 0.5, long: float = 0.5, potential: float = 0.0, popular: float = 0.5, own: bool = True) -> Scorer:
    """Learn which categories go together, and what is popular.

    Args:
        lab: What may be seen; items have categories.
        short: Weight of the interests of the newest events.
        long: Of those of all events.
        potential: Of what people alike have.
        popular: Weight of popularity beside a portrait of weight 1; 0 leaves it out.
        own: Whether everybody is told by their own portrait; otherwise by that of some training user, as a control.
    """
    made = Portraits.fit(lab.train, CategoryTree.of(lab.catalog))
    portraits = PortraitScorer(made, (short, long, potential), None if own else strangers(made, lab))
    return Blend([portraits, Popularity.fit(lab.train, lab.num_items)], [1.0, popular]) if popular else portraits


def strangers(made: Portraits, lab: Lab) -> np.ndarray:
    """float32[U, 3, G + 1], the portraits of all who train."""
    found = shares(made, lab.train)
    return np.stack([found.short, found.long, found.potential], axis=1)


_SHARED = "Nothing is trained and nothing drawn, so there is one seed. The stranger is another one for every history."
CLAIMS = [
    Claim(
        name="portraits-steer-popularity",
        says="Popularity and a person's portrait rank better than popularity, and than popularity and a stranger's portrait.",
        subject=Arm("popularity and portrait", "portrait_vectors"),
        rivals=[Arm("popularity", "popularity")],
        controls=[Arm("popularity and a stranger's portrait", "portrait_vectors", {"own": False})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=1),
        seeds=(0,),
        note=_SHARED,
    ),
    Claim(
        name="portraits-alone-retrieve",
        says="A portrait alone finds what its person takes next better than a stranger's portrait does.",
        subject=Arm("portrait", "portrait_vectors", {"popular": 0.0}),
        rivals=[Arm("a stranger's portrait", "portrait_vectors", {"popular": 0.0, "own": False})],
        dataset="amazon-beauty",
        metric="recall@50",
        budget=Budget(steps=1),
        seeds=(0,),
        shown=("recall@50", "recall@10", "ndcg@10"),
        note=_SHARED,
    ),
    Claim(
        name="newest-interests-tell-more",
        says="Of a portrait's layers the short-term one alone steers popularity better than the long-term one alone.",
        subject=Arm("short-term", "portrait_vectors", {"short": 1.0, "long": 0.0}),
        rivals=[Arm("long-term", "portrait_vectors", {"short": 0.0, "long": 1.0})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=1),
        seeds=(0,),
        note=_SHARED,
    ),
]
