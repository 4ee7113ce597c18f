"""Item neighbours (Sarwar et al., WWW 2001; Deshpande and Karypis, 2004): cosine of item columns, the nearest kept.

Flow     user-item matrix -> shrunk cosines of columns -> the nearest items of each item -> sum over the history
Departs  the cosine is shrunk by a number of users, which the papers leave out
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from penchant.claims.claim import Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.linear import item_knn as fit

PAPER = Paper(
    "Item-kNN",
    "Item-Based Collaborative Filtering Recommendation Algorithms",
    "University of Minnesota, WWW 2001",
    "doi:10.1145/371920.372071",
)
TINY: dict[str, object] = {}
SPACE = {"neighbours": IntDistribution(20, 500, log=True), "shrink": FloatDistribution(0.5, 200.0, log=True)}


def build(lab: Lab, *, neighbours: int = 100, shrink: float = 10.0, max_items: int = 20_000) -> LinearItemModel:
    """Fit item neighbours.

    Args:
        lab: What may be seen.
        neighbours: Kept an item.
        shrink: Users by which a cosine of few users is drawn towards zero.
        max_items: Most popular items that take part.
    """
    return fit(lab.train, lab.num_items, neighbours=neighbours, shrink=shrink, max_items=max_items)


CLAIMS = []
