"""Two towers (Yi et al., RecSys 2019, doi:10.1145/3298689.3346996): a user tower and an item tower, corrected softmax.

Flow     history -> item vectors -> pooled, with the newest item -> MLP -> unit vector; item -> id row + text -> unit vector;
         softmax over the items of the batch, scores - log Q
Departs  Q is the share of training events, not a running estimate; every event of a history is a target; repeats of the
         positive and other targets of the same user are no negatives; with extra uniform items Q is the item's chance
         under the mixture of both draws
Letters  Q(j) chance that item j stands in a batch
"""

from __future__ import annotations

import numpy as np
from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.retrieval.two_tower import TwoTower, TwoTowerSettings
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Two towers",
    "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations",
    "Google, RecSys 2019",
    "doi:10.1145/3298689.3346996",
)
TINY = {"width": 32, "hidden": 64, "max_len": 12, "dropout": 0.0, "learning_rate": 1e-2, "epochs": 40, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.0, 0.5),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "temperature": FloatDistribution(0.05, 0.3, log=True),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    hidden: int = 128,
    attentive: bool = True,
    texts: bool = True,
    max_len: int = 50,
    dropout: float = 0.2,
    temperature: float = 0.1,
    corrected: bool = True,
    extra: int = 0,
    learning_rate: float = 2e-3,
    epochs: int = 40,
    tokens: int = 1024,
) -> TwoTower:
    """Train two towers.

    Args:
        lab: What may be seen.
        width: Of both towers' vectors.
        hidden: Inside the user tower.
        attentive: Weigh the history by a learned score and age; else its plain mean.
        texts: Whether items know their text.
        max_len: Longest window of events.
        dropout: On the item vectors of a history.
        temperature: Divides the scores.
        corrected: Subtract log Q in training.
        extra: Uniform items beside those of the batch.
        learning_rate: At its top.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch; about as many items stand in it.
    """
    settings = TwoTowerSettings(
        width=width,
        hidden=hidden,
        attentive=attentive,
        max_len=max_len,
        dropout=dropout,
        temperature=temperature,
        corrected=corrected,
        extra=extra,
    )
    vectors = lab.vectors if texts else np.zeros((lab.num_items + 1, 0), np.float32)
    model = TwoTower(lab.counts, vectors, settings)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name=f"log-q-beats-uncorrected-{dataset}",
        says=f"Correcting a batch's items by their chance of standing in it finds more, on {dataset}.",
        subject=Arm("corrected", "two_tower"),
        rivals=[Arm("uncorrected", "two_tower", {"corrected": False})],
        controls=[Arm("uncorrected, 1,024 uniform items more", "two_tower", {"corrected": False, "extra": 1024})],
        dataset=dataset,
        metric="recall@50",
        budget=Budget(steps=steps),
        shown=("recall@50", "recall@10", "ndcg@10", "ndcg@50"),
    )
    for dataset, steps in (("ml-100k", 1000), ("amazon-beauty", 3000))
]
