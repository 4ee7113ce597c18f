"""EASE (Steck, WWW 2019, arXiv:1905.03375): a full item-to-item matrix in closed form.

Flow     G = X'X + l2 I -> P = G^-1 -> B = I - P / diag(P) -> x B
Departs  nothing; items beyond the most popular ``max_items`` score 0
Letters  X user-item matrix, x one row of it, B item-to-item weights
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.linear import ease as fit

PAPER = Paper("EASE", "Embarrassingly Shallow Autoencoders for Sparse Data", "Netflix, WWW 2019", "arXiv:1905.03375")
TINY = {"l2": 10.0}
SPACE = {"l2": FloatDistribution(1.0, 5_000.0, log=True)}


def build(lab: Lab, *, l2: float = 200.0, max_items: int = 20_000) -> LinearItemModel:
    """Fit EASE.

    Args:
        lab: What may be seen.
        l2: Strength of the ridge.
        max_items: The matrix is dense: 4 bytes times the square of this many items.
    """
    return fit(lab.train, lab.num_items, l2=l2, max_items=max_items)


CLAIMS = [
    Claim(
        name="ease-beats-bpr-mf",
        says="A closed-form item-to-item matrix ranks better than matrix factorisation learnt from pairs.",
        subject=Arm("EASE", "ease"),
        rivals=[Arm("BPR-MF", "bpr")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(trials=8),
    )
]
