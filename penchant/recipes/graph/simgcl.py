"""SimGCL (Yu et al., SIGIR 2022, arXiv:2112.08679): contrast of two noisy passes in place of two cut graphs.

Flow     clean pass -> BPR; two passes with a random step of length ``noise`` a row and layer -> InfoNCE of the users
         and items of the batch, each once
Departs  larger batches than the paper's 2,048
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.recipes.graph.shared import train_graph

PAPER = Paper(
    "SimGCL",
    "Are Graph Augmentations Necessary? Simple Graph Contrastive Learning for Recommendation",
    "University of Queensland, SIGIR 2022",
    "arXiv:2112.08679",
)
TINY = {"width": 32, "layers": 1, "learning_rate": 0.02, "epochs": 40, "batch": 256, "contrast": 0.05}
SPACE = {
    "learning_rate": FloatDistribution(1e-3, 2e-2, log=True),
    "contrast": FloatDistribution(1e-2, 1.0, log=True),
    "noise": FloatDistribution(0.05, 1.0, log=True),
    "temperature": FloatDistribution(0.1, 0.5),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    contrast: float = 0.1,
    noise: float = 0.1,
    temperature: float = 0.2,
    l2: float = 1e-4,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    batch: int = 4096,
    fold_in: bool = False,
) -> GraphRetriever:
    """Train SimGCL.

    Args:
        lab: What may be seen.
        width: Of user and item rows.
        layers: K; the table itself is not part of the mean.
        contrast: Weight of the contrastive term.
        noise: Length of the random step.
        temperature: Of the contrastive term.
        l2: Ridge on the rows of E_0 that a batch touches.
        learning_rate: Of Adam, at its top.
        epochs: Passes over the pairs, at most.
        batch: Pairs a step.
        fold_in: Represent training users by their histories too, so that newer events count; the papers do not.
    """
    settings = GraphSettings(
        width=width, layers=layers, table_counts=False, l2=l2, fold_in=fold_in, contrast=contrast, noise=noise, temperature=temperature
    )
    return train_graph(lab, settings, learning_rate=learning_rate, epochs=epochs, batch=batch)


CLAIMS = [
    Claim(
        name="simgcl-beats-lightgcn",
        says="Contrast of noisy passes ranks better than LightGCN, and the noise is needed for that.",
        subject=Arm("SimGCL", "simgcl"),
        rivals=[Arm("LightGCN", "lightgcn", {"batch": 4096})],
        controls=[Arm("SimGCL, no noise", "simgcl", {"noise": 0.0})],
        dataset="amazon-beauty",
        metric="ndcg@20",
        budget=Budget(steps=1000),
    )
]
