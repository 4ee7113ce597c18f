"""LightGCN (He et al., SIGIR 2020, arXiv:2002.02126): rows spread over the graph of users and items, nothing else.

Flow     E_0 -> E_k = D^-1/2 A D^-1/2 E_(k-1) -> mean over k = 0..K -> inner product; BPR with one negative
Departs  larger batches, so that one propagation serves more pairs
Letters  E_k rows of users and items after k steps, K layers
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution, IntDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.recipes.graph.shared import train_graph

PAPER = Paper(
    "LightGCN",
    "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation",
    "USTC and NUS, SIGIR 2020",
    "arXiv:2002.02126",
)
TINY = {"width": 32, "layers": 1, "learning_rate": 0.02, "epochs": 60, "batch": 256}
SPACE = {
    "learning_rate": FloatDistribution(1e-3, 2e-2, log=True),
    "l2": FloatDistribution(1e-6, 1e-1, log=True),
    "layers": IntDistribution(1, 4),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    l2: float = 1e-3,
    learning_rate: float = 5e-3,
    epochs: int = 200,
    batch: int = 8192,
    fold_in: bool = False,
) -> GraphRetriever:
    """Train LightGCN.

    Args:
        lab: What may be seen.
        width: Of user and item rows.
        layers: K; 0 is BPR-MF.
        l2: Ridge on the rows of E_0 that a batch touches.
        learning_rate: Of Adam, at its top.
        epochs: Passes over the pairs, at most.
        batch: Pairs a step.
        fold_in: Represent training users by their histories too, so that newer events count; the papers do not.
    """
    settings = GraphSettings(width=width, layers=layers, l2=l2, fold_in=fold_in)
    return train_graph(lab, settings, learning_rate=learning_rate, epochs=epochs, batch=batch)


CLAIMS = [
    Claim(
        name="lightgcn-beats-bpr-mf",
        says="Spreading the rows over the graph ranks better than the same rows alone.",
        subject=Arm("LightGCN", "lightgcn"),
        rivals=[Arm("BPR-MF", "bpr", {"batch": 8192})],
        controls=[Arm("LightGCN, no layer", "lightgcn", {"layers": 0})],
        dataset="amazon-beauty",
        metric="ndcg@20",
        budget=Budget(steps=2000),
    )
]
