"""Scaling laws of sequential recommenders (Renmin University and WeChat, RecSys 2024, arXiv:2311.11351): what keeps deep ones stable.

Flow     SASRec of any depth with cross-entropy; dropout is high in the first block and low in the last; AdamW hands over to
         SGD at a preset step
Departs  dropout rates, the step of the switch and SGD's rate are not known to us: rates fall evenly with depth, the others
         are arguments; how the loss falls with size is fitted by ``penchant.evaluate.scaling``
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.optimisers import adamw, then_sgd
from penchant.train.settings import TrainSettings

PAPER = Paper("Scaling Laws", "Scaling Law of Large Sequential Recommendation Models", "Renmin and WeChat, RecSys 2024", "arXiv:2311.11351")
TINY = {
    "width": 32,
    "layers": 2,
    "max_len": 12,
    "dropout": 0.15,
    "last_dropout": 0.0,
    "switch_at": 250,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "sgd_rate": FloatDistribution(10, 1000, log=True),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.4,
    last_dropout: float | None = 0.2,
    switch_at: int | None = None,
    sgd_rate: float = 100.0,
    max_len: int = 50,
    learning_rate: float = 1e-3,
    epochs: int = 60,
    tokens: int = 4096,
) -> SASRec:
    """Train a SASRec of some size.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Of inputs and of the first block.
        last_dropout: Of the last block, those between changing evenly; None: as the first.
        switch_at: Steps after which SGD takes over; None keeps AdamW.
        sgd_rate: Learning rate of SGD in multiples of AdamW's.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    shape = SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, last_dropout=last_dropout, max_len=max_len)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    optimiser = adamw if switch_at is None else then_sgd(switch_at, rate_share=sgd_rate)
    return lab.fit(SASRec(lab.num_items, shape), training, optimiser=optimiser)


DEEP = {"width": 32, "layers": 12}

CLAIMS = [
    Claim(
        name="deep-networks-need-layer-wise-dropout-and-a-switch",
        says="Twelve narrow blocks rank better with dropout that falls with depth and a switch to SGD than with neither.",
        subject=Arm("layer-wise dropout, switch", "scaling_laws", {**DEEP, "dropout": 0.4, "last_dropout": 0.1, "switch_at": 1600}),
        rivals=[Arm("uniform dropout, AdamW", "scaling_laws", {**DEEP, "dropout": 0.25, "last_dropout": None})],
        controls=[
            Arm("layer-wise dropout only", "scaling_laws", {**DEEP, "dropout": 0.4, "last_dropout": 0.1}),
            Arm("switch only", "scaling_laws", {**DEEP, "dropout": 0.25, "last_dropout": None, "switch_at": 1600}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=2000),
        note="All arms have the same mean dropout. The paper found a gain at 24 layers and none at 2.",
    )
]
