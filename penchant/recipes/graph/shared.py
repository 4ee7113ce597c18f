"""How all graph recipes train: batches of pairs over the training graph."""

from __future__ import annotations

from penchant.claims.lab import Lab
from penchant.data.pairs import PairBatches, Pairs
from penchant.models.graph.lightgcn import GraphRetriever, GraphSettings
from penchant.train.settings import TrainSettings


def train_graph(lab: Lab, settings: GraphSettings, *, learning_rate: float, epochs: int, batch: int) -> GraphRetriever:
    """Train a graph model on the lab's pairs.

    Args:
        lab: What may be seen.
        settings: Shape and loss.
        learning_rate: At its top.
        epochs: Passes over the pairs, at most.
        batch: Pairs a step.
    """
    pairs = Pairs.of(lab.train, lab.num_items)
    training = TrainSettings(learning_rate=learning_rate, weight_decay=0, epochs=epochs, warmup_steps=20, patience=6, validate_every=5)
    return lab.fit(GraphRetriever(pairs, settings), training, PairBatches(pairs, size=batch, seed=lab.seed))
