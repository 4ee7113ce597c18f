"""GRU4Rec (Hidasi et al., ICLR 2016, arXiv:1511.06939): a recurrent network over the items of a history.

Flow     item embedding -> GRU -> projection -> inner product with the item vectors
Departs  user histories instead of parallel sessions; every step is a target; cross-entropy over the catalogue by default
         (the paper has TOP1 and BPR over the items of the batch); input and output vectors tied by default
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.gru4rec import GRU4Rec, GRU4RecSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper("GRU4Rec", "Session-based Recommendations with Recurrent Neural Networks", "Gravity R&D, ICLR 2016", "arXiv:1511.06939")
TINY = {"width": 32, "hidden": 48, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    hidden: int = 128,
    layers: int = 1,
    dropout: float = 0.3,
    max_len: int = 50,
    tied: bool = True,
    temperature: float | None = None,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> GRU4Rec:
    """Train GRU4Rec.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        hidden: Width of the recurrent state.
        layers: Of the recurrence.
        dropout: Everywhere.
        max_len: Longest window of events.
        tied: Whether items have one vector for input and output.
        temperature: Score by cosine / temperature; None by the inner product.
        objective: Next-item loss.
        negatives: Of a sampled loss; None for that loss's default.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = GRU4RecSettings(
        width=width,
        hidden=hidden,
        layers=layers,
        dropout=dropout,
        max_len=max_len,
        tied=tied,
        temperature=temperature,
    )
    model = GRU4Rec(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="gru4rec-beats-popularity",
        says="A recurrent network over the history ranks better than popularity does.",
        subject=Arm("GRU4Rec", "gru4rec"),
        rivals=[Arm("popularity", "popularity")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
    ),
    Claim(
        name="gru4rec-near-sasrec",
        says="On MovieLens GRU4Rec reaches 90% of SASRec under the same loss and steps.",
        subject=Arm("GRU4Rec", "gru4rec"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        margin=-0.10,
    ),
]
