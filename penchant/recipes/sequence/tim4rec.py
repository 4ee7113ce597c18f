"""TiM4Rec (Neurocomputing 2025, arXiv:2409.16182): a state space over a history whose steps follow the gaps in time.

Flow     item embedding -> norm -> blocks of state space + feed-forward, whose step sizes are multiplied with a tempo made of
         the gaps -> state -> inner product with the item vectors
Departs  causal: gaps enter as masked log(1 + seconds), a step at a time, where the paper has a norm and a perceptron over the
         whole length; so every step is a target, not the last of each prefix; the tempo is 1 + tau, so no gaps means SSD
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.clock import Times
from penchant.models.sequence.state_space import StateSpaceNetwork, StateSpaceSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.common import BEAUTY, ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "TiM4Rec",
    "TiM4Rec: An Efficient Sequential Recommendation Model Based on Time-Aware Structured State Space Duality Model",
    "Neurocomputing 2025",
    "arXiv:2409.16182",
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
    times: Times = Times.USED,
    test_times: Times = Times.USED,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> StateSpaceNetwork:
    """Train TiM4Rec.

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
        times: What training sees of the times.
        test_times: What inference sees of the times.
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
        timed=True,
        times=Times(times),
        test_times=Times(test_times),
    )
    model = StateSpaceNetwork(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="tim4rec-time-helps",
        says="The state space network ranks better when gaps in time set its steps than when they do not.",
        subject=Arm("TiM4Rec", "tim4rec"),
        rivals=[Arm("SSD", "ssd")],
        controls=[
            Arm("times dropped", "tim4rec", {"times": "dropped", "test_times": "dropped"}),
            Arm("times shuffled", "tim4rec", {"times": "shuffled", "test_times": "shuffled"}),
        ],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
    Claim(
        name="tim4rec-reads-the-times",
        says="TiM4Rec trained with times ranks worse when the gaps of the history are shuffled at inference.",
        subject=Arm("true times", "tim4rec"),
        rivals=[Arm("shuffled at inference", "tim4rec", {"test_times": "shuffled"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
    Claim(
        name="tim4rec-near-sasrec",
        says="TiM4Rec reaches 90% of SASRec under the same loss and steps.",
        subject=Arm("TiM4Rec", "tim4rec"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        margin=-0.10,
        note="The data have no times: what is compared is the state space alone.",
    ),
]
