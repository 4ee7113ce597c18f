"""BERT4Rec (Sun et al., CIKM 2019, arXiv:1904.06690): a transformer that sees both sides fills in masked items.

Flow     items, some masked + positions -> transformer -> GELU projection -> item vectors + bias; to recommend, a mask is appended
Departs  pre-norm blocks; items are masked anew in every batch; a share of rows masks the newest item alone, as inference does,
         on request the newest of a random prefix
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.sequence.bert4rec import BERT4Rec, BERT4RecSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "BERT4Rec",
    "BERT4Rec: Sequential Recommendation with Bidirectional Encoder Representations from Transformer",
    "Alibaba, CIKM 2019",
    "arXiv:1904.06690",
)
TINY = {
    "width": 48,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.0,
    "learning_rate": 1e-2,
    "epochs": 60,
    "tokens": 256,
    "masked": 0.3,
    "last_share": 0.2,
}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "masked": FloatDistribution(0.1, 0.6),
}


def build(
    lab: Lab,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.2,
    max_len: int = 50,
    masked: float = 0.2,
    last_share: float = 0.5,
    prefixes: bool = False,
    objective: NextItemLoss = NextItemLoss.FULL,
    negatives: int | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 200,
    tokens: int = 1024,
) -> BERT4Rec:
    """Train BERT4Rec.

    Args:
        lab: What may be seen.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        masked: Share of items masked in training.
        last_share: Share of rows in which the newest item alone is masked.
        prefixes: Whether such a row is cut to a random prefix first.
        objective: Loss at masked items.
        negatives: Of a sampled loss; None for that loss's default.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    settings = BERT4RecSettings(
        width=width,
        layers=layers,
        heads=heads,
        dropout=dropout,
        max_len=max_len,
        masked=masked,
        last_share=last_share,
        prefixes=prefixes,
    )
    model = BERT4Rec(lab.num_items, settings, objective=NextItemLoss(objective).make(lab.counts, negatives=negatives))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(model, training)


CLAIMS = [
    Claim(
        name="bert4rec-near-sasrec",
        says="BERT4Rec, trained long enough, reaches 90% of SASRec under the same loss and steps.",
        subject=Arm("BERT4Rec", "bert4rec"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=6000),
        margin=-0.10,
        note="A batch of masked items has about a fifth of the targets that SASRec has in it.",
    ),
    Claim(
        name="bert4rec-needs-last-items-masked",
        says="BERT4Rec ranks better when half of its rows mask the newest item alone than when none does.",
        subject=Arm("half of rows", "bert4rec"),
        rivals=[Arm("no row", "bert4rec", {"last_share": 0.0})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=Budget(steps=4000),
    ),
]
