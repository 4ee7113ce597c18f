"""HSTU (Zhai et al., ICML 2024, arXiv:2402.17152): attention without softmax, with biases for time, over a history.

Flow     item + position embeddings -> HSTU layers -> state -> inner product with the item vectors
Departs  history items only, no action tokens; the time bias of a step runs from its own event, as the time of the next one
         is unknown when recommending; cross-entropy over the catalogue by default (the paper samples 128 negatives)
Letters  N longest window
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.clock import Times
from penchant.models.sequence.hstu import HSTU, HSTUSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.common import BEAUTY, ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "HSTU",
    "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative Recommendations",
    "Meta, ICML 2024",
    "arXiv:2402.17152",
)
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
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
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    timed: bool = True,
    alpha: float = 2.0,
    times: Times = Times.USED,
    test_times: Times = Times.USED,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> HSTU:
    """Train HSTU.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        layers: HSTU layers.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        timed: Whether attention has a bias for time.
        alpha: Exponent of stochastic length: training keeps N ** (alpha / 2) steps of long rows; 2 keeps all.
        times: What training sees of the times.
        test_times: What inference sees of the times.
        objective: Next-item loss.
        negatives: Of a sampled loss; None for that loss's default.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = HSTUSettings(
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        max_len=max_len,
        temperature=temperature,
        timed=timed,
        alpha=alpha,
        times=Times(times),
        test_times=Times(test_times),
    )
    model = HSTU(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


STOOD_IN = "The data have no times: the time bias has nothing to say here."
CLAIMS = [
    Claim(
        name="hstu-time-bias-helps",
        says="HSTU with its bias for time ranks better than without it.",
        subject=Arm("time bias", "hstu"),
        rivals=[Arm("no time bias", "hstu", {"timed": False})],
        controls=[Arm("times shuffled", "hstu", {"times": "shuffled", "test_times": "shuffled"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note="The time bias of a step runs from its own event; the repository's runs from the event to be predicted.",
    ),
    Claim(
        name="hstu-reads-the-times",
        says="HSTU trained with times ranks worse when the gaps of the history are shuffled at inference.",
        subject=Arm("true times", "hstu"),
        rivals=[Arm("shuffled at inference", "hstu", {"test_times": "shuffled"})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
    Claim(
        name="hstu-stochastic-length-is-harmless",
        says="Training HSTU on thinned histories (alpha 1.6, windows of 200) keeps 95% of the quality at equal steps.",
        subject=Arm("alpha 1.6", "hstu", {"max_len": 200, "alpha": 1.6}),
        rivals=[Arm("full length", "hstu", {"max_len": 200})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        margin=-0.05,
    ),
    Claim(
        name="hstu-near-sasrec",
        says="HSTU reaches 90% of SASRec under the same loss and steps.",
        subject=Arm("HSTU", "hstu"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        margin=-0.10,
        note=STOOD_IN,
    ),
]
