"""SSD (Mamba-2; Dao and Gu, ICML 2024, arXiv:2405.21060) as a recommender: a selective state space over a history.

Flow     item embedding -> norm -> blocks of state space + feed-forward -> state -> inner product with the item vectors
Departs  pre-norm; every step is a target; TiM4Rec (arXiv:2409.16182) without its times, so that both differ in nothing else
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.state_space import StateSpaceNetwork, StateSpaceSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.common import BEAUTY, ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "SSD",
    "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State Space Duality",
    "Princeton and CMU, ICML 2024",
    "arXiv:2405.21060",
)
TINY = {
    "width": 32,
    "layers": 1,
    "state": 16,
    "head": 16,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    state: int = 32,
    head: int = 32,
    expand: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> StateSpaceNetwork:
    """Train a state space network.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        layers: Blocks of state space and feed-forward.
        state: Size of the state, a head and channel.
        head: Width of a head.
        expand: Inner width as a multiple of the width.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        objective: Next-item loss.
        negatives: Of a sampled loss; None for that loss's default.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = StateSpaceSettings(
        width=width,
        layers=layers,
        state=state,
        head=head,
        expand=expand,
        dropout=dropout,
        max_len=max_len,
        temperature=temperature,
    )
    model = StateSpaceNetwork(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="ssd-near-sasrec",
        says="A state space network reaches 90% of SASRec under the same loss and steps.",
        subject=Arm("SSD", "ssd"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        margin=-0.10,
    ),
    Claim(
        name="ssd-beats-popularity",
        says="A state space network ranks better than popularity does.",
        subject=Arm("SSD", "ssd"),
        rivals=[Arm("popularity", "popularity")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
]
