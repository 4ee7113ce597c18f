"""Taming One-Epoch (Pinterest, RecSys 2024, arXiv:2508.18700): tables of ids, learnt by contrast before a ranker fine-tunes them.

Flow     stage 1: user row . item row, softmax over the batch's items and uniform ones, many epochs; stage 2: an MLP over
         [user row, item row, product, popularity], binary loss on the newest events, which goes on training the rows
Departs  the ranker ranks the whole catalogue; popularity stands for its rich features; scores of stage 1 are corrected by
         -log Q, which the paper does not state. The validation curve of each part is in the record
Letters  none
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.pairs import PairBatches, Pairs
from penchant.models.graph.id_ranker import IdRanker, IdRankerSettings, popularity_features
from penchant.models.graph.lightgcn import GraphSettings
from penchant.recipes.graph.shared import train_graph
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Taming One-Epoch",
    "Taming the One-Epoch Phenomenon in Online Recommendation System by Two-stage Contrastive ID Pre-training",
    "Pinterest, RecSys 2024",
    "arXiv:2508.18700",
)
TINY = {"width": 16, "hidden": 32, "rate": 0.02, "learning_rate": 0.01, "pretraining": 30, "epochs": 20, "batch": 128, "newest": 1.0}
SPACE = {
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "rate": FloatDistribution(1e-3, 2e-2, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
    "temperature": FloatDistribution(0.05, 0.5, log=True),
}


class Tables(StrEnum):
    """Where the ranker's rows come from. TUNED and FROZEN: from stage 1, trained on or not. SCRATCH: there is no stage 1."""

    TUNED = "tuned"
    FROZEN = "frozen"
    SCRATCH = "scratch"


def build(
    lab: Lab,
    *,
    tables: str = "tuned",
    newest: float = 0.3,
    first: float = 0.6,
    width: int = 32,
    hidden: int = 32,
    dropout: float = 0.1,
    negatives: int = 4,
    temperature: float = 0.1,
    rate: float = 0.02,
    learning_rate: float = 5e-3,
    pretraining: int = 40,
    epochs: int = 20,
    batch: int = 512,
    validate_every: int = 1,
) -> IdRanker:
    """Train in two stages, or one.

    Args:
        lab: What may be seen.
        tables: ``tuned``, ``frozen`` or ``scratch``.
        newest: Share of the events, the newest ones, that the ranker learns from; stage 1 learns from all.
        first: Share of the budget that stage 1 takes.
        width: Of user and item rows.
        hidden: Of the ranker.
        dropout: In the ranker.
        negatives: Of the ranker, an event.
        temperature: Of the contrast.
        rate: Learning rate of stage 1.
        learning_rate: Of the ranker.
        pretraining: Passes of stage 1, at most.
        epochs: Passes of the ranker, at most.
        batch: Pairs a step, in both stages.
        validate_every: Epochs of the ranker between validations.
    """
    source = Tables(tables)
    pairs = Pairs.of(lab.train, lab.num_items)
    recent = pairs.newest(lab.train, newest)
    ranker = IdRanker(pairs, IdRankerSettings(width=width, hidden=hidden, dropout=dropout), popularity_features(pairs, recent))
    if source is not Tables.SCRATCH:
        shape = GraphSettings(width=width, layers=0, softmax=True, l2=0.0, temperature=temperature)
        ids = train_graph(lab, shape, learning_rate=rate, epochs=pretraining, batch=batch, name="tables", share=first)
        ranker.take_tables(*ids.vectors(), frozen=source is Tables.FROZEN)
    training = TrainSettings(learning_rate=learning_rate, epochs=epochs, warmup_steps=20, patience=6, validate_every=validate_every)
    batches = PairBatches(pairs, size=batch, negatives=negatives, seed=lab.seed, only=recent)
    return lab.fit(ranker, training, batches, name="ranker", share=1.0 if source is Tables.SCRATCH else 1.0 - first)


CLAIMS = [
    Claim(
        name="two-stages-tame-one-epoch",
        says="A ranker of ids ranks better if contrast learnt its tables first than if it learns them alone, or leaves them as they are.",
        subject=Arm("two stages, tuned", "one_epoch"),
        rivals=[
            Arm("one stage", "one_epoch", {"tables": "scratch"}),
            Arm("one stage, all events", "one_epoch", {"tables": "scratch", "newest": 1.0}),
        ],
        controls=[Arm("two stages, frozen", "one_epoch", {"tables": "frozen"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=2000),
        note="The ranker learns from the newest 30% of the events, in the second arm of one stage from all of them. The curve of each "
        "part by epochs is in the record: a peak within the first epochs, then a fall, is the one-epoch phenomenon.",
    )
]
