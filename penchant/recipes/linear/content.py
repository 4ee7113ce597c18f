"""Content neighbours (Pazzani and Billsus, 2007): items whose text is near that of what the user took lately.

Flow     item text -> frozen sentence encoder -> mean of the newest events' vectors, newer ones heavier -> cosine
Departs  a sentence encoder stands in for TF-IDF words
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from penchant.claims.claim import Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.content import ContentNeighbours

PAPER = Paper(
    "Content neighbours", "Content-Based Recommendation Systems", "Rutgers, The Adaptive Web 2007", "doi:10.1007/978-3-540-72079-9_10"
)
TINY = {"recent": 5, "halving": 0.5}
SPACE = {"recent": IntDistribution(1, 50, log=True), "halving": FloatDistribution(0.5, 30.0, log=True)}


def build(lab: Lab, *, recent: int = 10, halving: float = 3.0) -> ContentNeighbours:
    """Take the text vectors; nothing is trained.

    Args:
        lab: What may be seen.
        recent: How many of the newest events count.
        halving: Events into the past after which an event counts half.
    """
    return ContentNeighbours(lab.vectors, recent=recent, halving=halving)


CLAIMS = []
