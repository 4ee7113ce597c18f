"""gSASRec (Petrov and Macdonald, RecSys 2023, arXiv:2308.07192): SASRec under a binary loss that is calibrated for sampling.

Flow     SASRec; each position against 256 uniform negatives, the positive's probability to the power of beta (equations 10 to 12)
Departs  the positions of a batch share their negatives; pre-norm blocks; scores are inner products
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.sasrec import SASRec
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.sequence import sasrec

PAPER = Paper(
    "gSASRec",
    "gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling",
    "Glasgow, RecSys 2023",
    "arXiv:2308.07192",
)
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 80, "tokens": 256, "negatives": 2}
SPACE = {"dropout": FloatDistribution(0.1, 0.6), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}


def build(
    lab: Lab,
    *,
    negatives: int = 256,
    calibration: float = 0.75,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    learning_rate: float = 2e-3,
    epochs: int = 200,
    tokens: int = 1024,
) -> SASRec:
    """Train gSASRec.

    Args:
        lab: What may be seen.
        negatives: Of each position; more than 16 are shared by the positions of a batch.
        calibration: t: 0 makes it plain binary cross-entropy, 1 calibrates fully.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    return sasrec.build(
        lab,
        objective=NextItemLoss.GBCE,
        negatives=negatives,
        calibration=calibration,
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        max_len=max_len,
        learning_rate=learning_rate,
        epochs=epochs,
        tokens=tokens,
    )


CLAIMS = [
    Claim(
        name="gsasrec-beats-plain-binary-losses",
        says="With 256 negatives, calibrated binary cross-entropy ranks better than plain one, and than plain one with one negative.",
        subject=Arm("calibrated, 256 negatives", "gsasrec"),
        rivals=[
            Arm("plain, 256 negatives", "gsasrec", {"calibration": 0.0}),
            Arm("plain, one negative", "gsasrec", {"calibration": 0.0, "negatives": 1}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=6000),
        note="Long enough for all to level off: with many negatives a binary loss first spends epochs on pushing all items down.",
    )
]
