"""MCLRec (Qin et al., SIGIR 2023, arXiv:2304.07763): views of histories that are learnt, in turns with what learns from them.

Flow     SASRec; two random views and two more from small networks G; every batch thrice: SASRec learns from next items and
         all contrasts, G from the contrasts, SASRec again; ranking is SASRec's
Departs  cross-entropy over the catalogue at every step; a masked event becomes the start token; windows of one user are
         no negatives of each other. Every pass is a step of the budget
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.augment import crop, mask, one_of, reorder
from penchant.data.batches import TrainingBatches
from penchant.data.phases import PhasedBatches
from penchant.models.sequence.contrastive import MetaViews
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.settings import TrainSettings

PAPER = Paper("MCLRec", "Meta-optimized Contrastive Learning for Sequential Recommendation", "SIGIR 2023", "arXiv:2304.07763")
EXTENDS = "sasrec"
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 14, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
    "meta_weight": FloatDistribution(0.01, 0.3, log=True),
}


def build(
    lab: Lab,
    *,
    alternate: bool = True,
    weight: float = 0.03,
    meta_weight: float = 0.05,
    margin_weight: float = 0.1,
    crop_share: float = 0.5,
    mask_share: float = 0.5,
    reorder_share: float = 0.8,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 30,
    tokens: int = 1024,
) -> SASRec:
    """Train SASRec with learnt views.

    Args:
        lab: What may be seen.
        alternate: Whether SASRec and the augmenters learn in turns; otherwise all at once, one pass a batch.
        weight: Of the contrast of the random views.
        meta_weight: Of the contrasts with learnt views.
        margin_weight: Of the regulariser against pairs that are too easy.
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
        epochs: Rounds over the data, at most.
        tokens: Padded steps a batch.
    """
    model = SASRec(
        lab.num_items, SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    )
    views = one_of([crop(crop_share), mask(mask_share), reorder(reorder_share)])
    meta = MetaViews(model, views, width=width, weight=weight, meta_weight=meta_weight, margin_weight=margin_weight)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5)
    plain = TrainingBatches(lab.train, max_len=max_len, tokens=tokens, seed=lab.seed)
    lab.fit(meta, training, PhasedBatches(plain, MetaViews.PHASES) if alternate else plain, validate=lab.judge(model))
    return model


CLAIMS = [
    Claim(
        name="learnt-views-beat-random-ones",
        says="Views learnt in turns with the network help it more than random views, or than views learnt at the same time.",
        subject=Arm("MCLRec", "mclrec"),
        rivals=[Arm("SASRec", "sasrec"), Arm("CL4SRec", "cl4srec")],
        controls=[Arm("all at once", "mclrec", {"alternate": False}), Arm("no margins", "mclrec", {"margin_weight": 0.0})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=3000),
        note="Each of the three passes over a batch counts as a step.",
    )
]
