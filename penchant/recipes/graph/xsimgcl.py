"""XSimGCL (Yu et al., TKDE 2023, arXiv:2209.02544): the contrast of SimGCL from one noisy pass in place of three.

Flow     one noisy pass -> its end: BPR; its end against its layer ``contrast_layer``: InfoNCE of the users and items of
         the batch, each once
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
    "XSimGCL",
    "XSimGCL: Towards Extremely Simple Graph Contrastive Learning for Recommendation",
    "University of Queensland, TKDE 2023",
    "arXiv:2209.02544",
)
TINY = {"width": 32, "layers": 2, "learning_rate": 0.02, "epochs": 40, "batch": 256, "contrast": 0.05}
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
    contrast_layer: int = 1,
    contrast: float = 0.1,
    noise: float = 0.2,
    temperature: float = 0.2,
    l2: float = 1e-4,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    batch: int = 4096,
    fold_in: bool = False,
) -> GraphRetriever:
    """Train XSimGCL.

    Args:
        lab: What may be seen.
        width: Of user and item rows.
        layers: K; the table itself is not part of the mean.
        contrast_layer: l*, the layer against which the end of the pass is contrasted.
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
        width=width,
        layers=layers,
        table_counts=False,
        l2=l2,
        fold_in=fold_in,
        contrast=contrast,
        noise=noise,
        temperature=temperature,
        contrast_layer=contrast_layer,
    )
    return train_graph(lab, settings, learning_rate=learning_rate, epochs=epochs, batch=batch)


_BUDGET = Budget(steps=1000)
_LIGHTGCN = Arm("LightGCN", "lightgcn", {"batch": 4096})
CLAIMS = [
    Claim(
        name="xsimgcl-beats-lightgcn",
        says="Contrast within one noisy pass ranks better than LightGCN.",
        subject=Arm("XSimGCL", "xsimgcl"),
        rivals=[_LIGHTGCN],
        dataset="amazon-beauty",
        metric="ndcg@20",
        budget=_BUDGET,
    ),
    Claim(
        name="xsimgcl-finds-more-of-the-tail",
        says="XSimGCL finds more rare targets than LightGCN.",
        subject=Arm("XSimGCL", "xsimgcl"),
        rivals=[_LIGHTGCN],
        dataset="amazon-beauty",
        metric="recall@20",
        slice="tail",
        budget=_BUDGET,
    ),
    Claim(
        name="xsimgcl-near-simgcl",
        says="One noisy pass comes within 2% of SimGCL's three passes.",
        subject=Arm("XSimGCL", "xsimgcl"),
        rivals=[Arm("SimGCL", "simgcl")],
        dataset="amazon-beauty",
        metric="ndcg@20",
        margin=-0.02,
        budget=_BUDGET,
        note="A step of XSimGCL spreads the rows over the graph once, one of SimGCL three times.",
    ),
]
