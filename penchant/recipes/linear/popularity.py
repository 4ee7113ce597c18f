"""Popularity: everybody gets what most people took. The floor that any other recipe has to clear.

Flow     count training events an item -> the same order for everybody, items already had left out
Departs  nothing
Letters  none
"""

from __future__ import annotations

from penchant.claims.claim import Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.popularity import Popularity

PAPER = Paper(
    "Popularity",
    "Performance of Recommender Algorithms on Top-N Recommendation Tasks",
    "Politecnico di Milano, RecSys 2010",
    "doi:10.1145/1864708.1864721",
)
TINY: dict[str, object] = {}
SPACE: dict[str, object] = {}
DEPARTS = {"finds_the_planted_item": "popularity does not look at the history"}


def build(lab: Lab) -> Popularity:
    """Count.

    Args:
        lab: What may be seen.
    """
    return Popularity.fit(lab.train, lab.num_items)


CLAIMS = []
