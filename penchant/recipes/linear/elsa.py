"""ELSA (Vančura et al., RecSys 2022): an item-to-item matrix of low rank, learnt in batches of users.

Flow     x -> x A -> (x A) A' - x, compared with x at unit length
Departs  Adam in place of NAdam, with a falling learning rate
Letters  A item vectors of unit length [N, rank], x one row of the user-item matrix
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.rows import RowBatches
from penchant.models.retrieval.elsa import ELSA, ELSASettings
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "ELSA",
    "Scalable Linear Shallow Autoencoder for Collaborative Filtering",
    "Recombee and CTU Prague, RecSys 2022",
    "doi:10.1145/3523227.3551482",
)
TINY = {"rank": 32, "batch": 32, "epochs": 40, "learning_rate": 0.02}
SPACE = {"learning_rate": FloatDistribution(1e-3, 0.1, log=True)}


def build(lab: Lab, *, rank: int = 256, learning_rate: float = 0.02, epochs: int = 60, batch: int = 256) -> ELSA:
    """Train ELSA.

    Args:
        lab: What may be seen.
        rank: Of the item-to-item matrix.
        learning_rate: At its top.
        epochs: Passes over the users, at most.
        batch: Users a step.
    """
    model = ELSA(lab.num_items, ELSASettings(rank=rank))
    training = TrainSettings(
        learning_rate=learning_rate, weight_decay=0, epochs=epochs, warmup_steps=20, patience=5, validate_every=2, bf16=False
    )
    return lab.fit(model, training, RowBatches(lab.train, size=batch, seed=lab.seed))


CLAIMS = [
    Claim(
        name="elsa-near-ease",
        says="A matrix of rank 128 comes within 5% of the full matrix of EASE.",
        subject=Arm("ELSA, rank 128", "elsa", {"rank": 128}),
        rivals=[Arm("EASE", "ease")],
        dataset="ml-100k",
        metric="ndcg@10",
        margin=-0.05,
        budget=Budget(trials=8),
        note="At 1,682 items both are small; the rank decides the memory: 4 x items x 128 bytes against 4 x items squared.",
    ),
    Claim(
        name="elsa-beats-popularity",
        says="ELSA ranks better than popularity.",
        subject=Arm("ELSA", "elsa"),
        rivals=[Arm("popularity", "popularity")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(trials=6),
    ),
]
