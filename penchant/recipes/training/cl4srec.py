"""CL4SRec (Xie et al., ICDE 2022, arXiv:2010.14395): SASRec that also tells two random views of a history from other histories.

Flow     SASRec with cross-entropy + ``weight`` times InfoNCE of two views, each a crop, a masking or a reordering; ranking
         is SASRec's
Departs  cross-entropy over the catalogue at every step; a masked event becomes the start token; windows of one user are
         no negatives of each other
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.augment import crop, mask, one_of, reorder
from penchant.models.sequence.contrastive import TwoViews
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "CL4SRec", "Contrastive Learning for Sequential Recommendation", "Peking University and Alibaba, ICDE 2022", "arXiv:2010.14395"
)
EXTENDS = "sasrec"
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
    "weight": FloatDistribution(0.01, 0.5, log=True),
}


def build(
    lab: Lab,
    *,
    weight: float = 0.1,
    contrast_temperature: float = 1.0,
    crop_share: float = 0.6,
    mask_share: float = 0.3,
    reorder_share: float = 0.6,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> SASRec:
    """Train SASRec with contrast.

    Args:
        lab: What may be seen.
        weight: Of the contrast.
        contrast_temperature: Of the contrast, which scores by inner products.
        crop_share: Share of events that a crop keeps.
        mask_share: Share of events that a masking hides.
        reorder_share: Share of events that a reordering shuffles.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    model = SASRec(
        lab.num_items, SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    )
    views = one_of([crop(crop_share), mask(mask_share), reorder(reorder_share)])
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    lab.fit(TwoViews(model, views, weight=weight, temperature=contrast_temperature), training, validate=lab.judge(model))
    return model


CLAIMS = [
    Claim(
        name="contrast-of-random-views-helps-sasrec",
        says="SASRec ranks better when it also learns to tell two random views of a history from other histories.",
        subject=Arm("CL4SRec", "cl4srec"),
        rivals=[Arm("SASRec", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@20",
        budget=Budget(steps=3000),
    )
]
