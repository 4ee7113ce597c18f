"""SRA-CL (NeurIPS 2025, arXiv:2503.04162): histories learn from histories that mean something like them.

Flow     item texts -> vectors; the vectors' mean over a window is its portrait; near portraits give neighbour windows, near
         vectors give neighbour items; SASRec learns from next items, from a mixture of its neighbours' states, and from two
         views with neighbour items; ranking is SASRec's
Departs  portraits are such means, not texts that a language model writes; windows, not all prefixes, have portraits;
         cross-entropy over the catalogue at every step; windows of one user are neither neighbours nor negatives of each other
Letters  N items, D width of vectors
"""

from __future__ import annotations

import numpy as np
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.seeds import generator
from penchant.data.augment import substitute
from penchant.data.batches import TrainingBatches
from penchant.data.neighbours import NeighbourBatches, nearest, portraits, strangers
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.models.sequence.semantic_contrast import SemanticContrast
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "SRA-CL", "Semantic Retrieval Augmented Contrastive Learning for Sequential Recommendation", "NeurIPS 2025", "arXiv:2503.04162"
)
EXTENDS = "sasrec"
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256, "neighbours": 2}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 5e-3, log=True),
    "temperature": CategoricalDistribution([None, 0.05, 0.07, 0.1]),
    "user_weight": FloatDistribution(0.01, 0.3, log=True),
    "item_weight": FloatDistribution(0.01, 0.3, log=True),
}


def build(
    lab: Lab,
    *,
    near: bool = True,
    neighbours: int = 4,
    user_weight: float = 0.1,
    item_weight: float = 0.1,
    chance: float = 0.2,
    contrast_temperature: float = 1.0,
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
    """Train SASRec with semantic neighbours.

    Args:
        lab: What may be seen; with text vectors.
        near: Whether neighbours are near by meaning; otherwise they are random, as a control.
        neighbours: Of each window and of each item. Each one of a window is one more history to encode.
        user_weight: Of the contrast with neighbour windows.
        item_weight: Of the contrast of views with neighbour items.
        chance: Of an event to show a neighbour item in a view.
        contrast_temperature: Of both contrasts.
        width: Of states and item vectors.
        layers: Blocks.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        temperature: Score by cosine / temperature; None by the inner product.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch, neighbours not counted.
    """
    plain = TrainingBatches(lab.train, max_len=max_len, tokens=tokens, seed=lab.seed)
    drawn, users, described = generator(lab.seed), plain.windows.users, portraits(plain, lab.vectors)
    items = nearest(lab.vectors[1:], neighbours) if near else strangers(lab.num_items, neighbours, drawn)
    windows = nearest(described, neighbours, groups=users) if near else strangers(len(users), neighbours, drawn, groups=users)
    views = substitute(torch.from_numpy(np.concatenate([np.zeros((1, neighbours), np.int64), items + 1])), chance)
    model = SASRec(
        lab.num_items, SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    )
    contrast = SemanticContrast(
        model,
        views,
        width=width,
        dim=described.shape[1],
        user_weight=user_weight,
        item_weight=item_weight,
        temperature=contrast_temperature,
    )
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    lab.fit(contrast, training, NeighbourBatches(plain, windows, described), validate=lab.judge(model))
    return model


CLAIMS = [
    Claim(
        name="semantic-neighbours-beat-random-ones",
        says="Contrast with histories and items near by meaning helps SASRec more than random views, and than random neighbours.",
        subject=Arm("SRA-CL", "sra_cl"),
        rivals=[Arm("SASRec", "sasrec"), Arm("CL4SRec", "cl4srec")],
        controls=[Arm("random neighbours", "sra_cl", {"near": False})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=Budget(steps=3000),
        note="Histories are described by the mean of their items' text vectors; the paper has a language model describe them.",
    )
]
