"""BPR-MF (Rendle et al., UAI 2009, arXiv:1205.2618): matrix factorisation that learns to rank pairs.

Flow     user row . item row, against the row of an item the user did not have -> -ln sigmoid of the difference
Departs  Adam; no item bias (with it the control of LightGCN would be another model); unknown users are folded in
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.recipes.graph.shared import train_graph

PAPER = Paper("BPR-MF", "BPR: Bayesian Personalized Ranking from Implicit Feedback", "Hildesheim, UAI 2009", "arXiv:1205.2618")
TINY = {"width": 32, "learning_rate": 0.02, "epochs": 80, "batch": 256, "l2": 1e-3}
SPACE = {
    "learning_rate": FloatDistribution(1e-3, 2e-2, log=True),
    "l2": FloatDistribution(1e-6, 1e-1, log=True),
    "width": CategoricalDistribution([32, 64, 128]),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    l2: float = 1e-2,
    learning_rate: float = 5e-3,
    epochs: int = 200,
    batch: int = 4096,
    fold_in: bool = False,
) -> GraphRetriever:
    """Train BPR-MF.

    Args:
        lab: What may be seen.
        width: Of user and item rows.
        l2: Ridge on the rows of a batch.
        learning_rate: Of Adam, at its top.
        epochs: Passes over the pairs, at most.
        batch: Pairs a step.
        fold_in: Represent training users by their histories too, so that newer events count; the papers do not.
    """
    settings = GraphSettings(width=width, layers=0, l2=l2, fold_in=fold_in)
    return train_graph(lab, settings, learning_rate=learning_rate, epochs=epochs, batch=batch)


CLAIMS = [
    Claim(
        name="bpr-mf-beats-popularity",
        says="Matrix factorisation learnt from pairs ranks better than popularity.",
        subject=Arm("BPR-MF", "bpr"),
        rivals=[Arm("popularity", "popularity")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=3000),
        note="All ratings count as positives; the newest one of each user is the target.",
    )
]
