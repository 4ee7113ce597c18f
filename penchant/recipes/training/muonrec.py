"""MuonRec (SJTU and Kuaishou, 2026, arXiv:2603.00416): Muon instead of AdamW for the matrices of a recommender.

Flow     SASRec with cross-entropy over the catalogue; hidden matrices step by orthogonalised momentum, item vectors,
         positions, norms and biases by AdamW
Departs  queries, keys and values are orthogonalised apart; the update's scale is 0.2 sqrt(max(rows, columns)), since the
         paper's is not known to us
Letters  none
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.muon import muon
from penchant.train.optimisers import adamw
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "MuonRec",
    "MuonRec: Shifting the Optimizer Paradigm Beyond Adam in Scalable Generative Recommendation",
    "SJTU and Kuaishou, 2026",
    "arXiv:2603.00416",
)
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "steps": 300, "tokens": 256}
SPACE = {"learning_rate": FloatDistribution(3e-4, 1e-2, log=True), "dropout": FloatDistribution(0.1, 0.6)}


class Optimiser(StrEnum):
    """What the hidden matrices are optimised with."""

    MUON = "muon"
    ADAMW = "adamw"


def build(
    lab: Lab,
    *,
    optimiser: str = "muon",
    hidden_rate: float = 1.0,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    learning_rate: float = 1e-3,
    steps: int = 1500,
    tokens: int = 4096,
) -> SASRec:
    """Train SASRec with Muon.

    Args:
        lab: What may be seen.
        optimiser: Of the hidden matrices, ``muon`` or ``adamw``.
        hidden_rate: Muon's learning rate in multiples of AdamW's.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        steps: Of the optimiser; fixed, so that a tuned comparison is one at equal steps.
        tokens: Padded steps a batch.
    """
    chosen = {Optimiser.MUON: muon(hidden_rate=hidden_rate), Optimiser.ADAMW: adamw}[Optimiser(optimiser)]
    model = SASRec(lab.num_items, SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len))
    training = TrainSettings(
        max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=1000, steps=steps, patience=1000, validate_every=4
    )
    return lab.fit(model, training, optimiser=chosen)


CLAIMS = [
    Claim(
        name="muon-beats-adamw-at-equal-steps",
        says="After 1,500 steps SASRec trained with Muon ranks better than with AdamW, learning rate and dropout tuned alike.",
        subject=Arm("Muon", "muonrec", {"optimiser": "muon"}),
        rivals=[Arm("AdamW", "muonrec", {"optimiser": "adamw"})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(trials=8),
        note="Every arm takes 1,500 steps; the trials choose learning rate and dropout of each arm on validation.",
    )
]
