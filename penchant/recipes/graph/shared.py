"""How all graph recipes train: batches of pairs over the training graph."""

from __future__ import annotations

import numpy as np

from penchant.claims.lab import Lab
from penchant.data.pairs import PairBatches, Pairs
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.train.settings import TrainSettings


def train_graph(
    lab: Lab,
    settings: GraphSettings,
    *,
    learning_rate: float,
    epochs: int,
    batch: int,
    name: str = "model",
    share: float = 1.0,
    only: np.ndarray | None = None,
) -> GraphRetriever:
    """Train a graph model on the lab's pairs.

    Args:
        lab: What may be seen.
        settings: Shape and loss.
        learning_rate: At its top.
        epochs: Passes over the pairs, at most.
        batch: Pairs a step.
        name: Of this part of the recipe.
        share: Of the budget that this part takes.
        only: bool[E], the pairs to learn from; all by default.
    """
    pairs = Pairs.of(lab.train, lab.num_items)
    training = TrainSettings(learning_rate=learning_rate, weight_decay=0, epochs=epochs, warmup_steps=20, patience=6, validate_every=5)
    batches = PairBatches(pairs, size=batch, seed=lab.seed, only=only)
    return lab.fit(GraphRetriever(pairs, settings), training, batches, name=name, share=share)
