"""Sliding Window Training (Netflix, RecSys 2024, arXiv:2409.14517): short inputs, and yet all of a history is learnt from.

Flow     SASRec with cross-entropy; each epoch takes one window of ``max_len`` events of each user: the newest one, or one
         further back; ranking is unchanged
Departs  the paper's stride and mix of epochs are not known to us: windows move back by ``stride`` or are drawn, and
         sliding epochs are spread evenly among the others
Letters  none
"""

from __future__ import annotations

from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.windows import SlidingBatches
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Sliding Window Training",
    "Sliding Window Training: Utilizing Historical Recommender Systems Data for Foundation Models",
    "Netflix, RecSys 2024",
    "arXiv:2409.14517",
)
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "stride": CategoricalDistribution([5, 10, 19]),
}


def build(
    lab: Lab,
    *,
    sliding: float = 1.0,
    stride: int | None = None,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 20,
    learning_rate: float = 1e-3,
    epochs: int = 400,
    tokens: int = 4096,
) -> SASRec:
    """Train SASRec on moving windows.

    Args:
        lab: What may be seen.
        sliding: Share of sliding epochs: 0 latest windows only, 1 sliding only, between: the hybrid.
        stride: Events by which windows move back from one sliding epoch to the next; None draws them.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events, in training and in ranking.
        learning_rate: Of AdamW.
        epochs: Windows a user, at most.
        tokens: Padded steps a batch.
    """
    model = SASRec(lab.num_items, SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=8, validate_every=10)
    windows = SlidingBatches(lab.train, max_len=max_len, tokens=tokens, sliding=sliding, stride=stride, seed=lab.seed)
    return lab.fit(model, training, windows)


LATEST = Arm("latest only", "sliding_window", {"sliding": 0.0})
BUDGET = Budget(steps=2000)
NOTE = "Inputs of 20 events, where users have about 106: histories exceed the window five times, as in the paper."

CLAIMS = [
    Claim(
        name="sliding-windows-beat-latest-only",
        says="With inputs of 20 events, training on windows that slide over the whole history finds more than on the newest window alone.",
        subject=Arm("sliding", "sliding_window", {"sliding": 1.0}),
        rivals=[LATEST],
        dataset="ml-100k",
        metric="recall@10",
        budget=BUDGET,
        note=NOTE,
    ),
    Claim(
        name="hybrid-windows-beat-latest-only",
        says="With inputs of 20 events, alternating between the newest and sliding windows finds more than the newest window alone.",
        subject=Arm("hybrid", "sliding_window", {"sliding": 0.5}),
        rivals=[LATEST],
        dataset="ml-100k",
        metric="recall@10",
        budget=BUDGET,
        note=NOTE,
    ),
    Claim(
        name="sliding-windows-reach-the-tail",
        says="Training on sliding windows finds more of the rare items than training on the newest window.",
        subject=Arm("sliding", "sliding_window", {"sliding": 1.0}),
        rivals=[LATEST],
        dataset="ml-100k",
        metric="recall@10",
        slice="tail",
        budget=BUDGET,
        note=NOTE,
    ),
]
