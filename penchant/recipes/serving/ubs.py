"""User Behavioral Service (YouTube, RecSys 2024, doi:10.1145/3640457.3688030): rank by a stored vector, made some events ago.

Flow     SASRec encodes a history beside the requests, when ``every`` further events have come; lists are made of the newest
         stored vector, so their cost does not depend on the encoder
Departs  the ranker is the encoder's own dense head, where the paper feeds the vector to another network trained with it; a
         vector follows from events, so it is refreshed by their number and not by its age; a miss is the vector of the empty
         history and not of zeros
Letters  B rows, k places
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.recipes.common import ML_100K
from penchant.train.settings import TrainSettings

PAPER = Paper("UBS", "User Behavioral Service", "YouTube, RecSys 2024", "doi:10.1145/3640457.3688030")
TINY = {"width": 32, "layers": 1, "max_len": 12, "dropout": 0.1, "learning_rate": 5e-3, "epochs": 25, "tokens": 256}
EXTENDS = "sasrec"


class StoredStates:
    """Ranks by the state that was made after the last full ``every`` events of a history.

    Args:
        model: Makes the states, and ranks by them.
        every: Events between two refreshes; 1: always fresh; 0: nothing is ever made, so all get one list.
    """

    KIND = "stored-states"

    def __init__(self, model: SASRec, every: int = 1) -> None:
        require(every >= 0, f"every={every}", "states are refreshed after a number of events", "pass 0 for never")
        self.model, self.every, self.num_items = model, every, model.num_items

    def stored(self, histories: Histories) -> Histories:
        """What the stored state has seen of each history."""
        kept = histories.lengths - histories.lengths % self.every if self.every else np.zeros_like(histories.lengths)
        starts = histories.offsets[:-1]
        return histories.slices(starts, starts + kept, np.arange(len(histories)))

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``Retriever``."""
        return self.model.recommend(self.stored(histories), k, exclude=exclude)

    def save(self, folder: Path) -> None:
        """Write the model and when it is refreshed."""
        with write_artifact(folder, kind=self.KIND, settings={"every": self.every}) as out:
            self.model.save(out.path / "model")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore what ``save`` wrote."""
        saved = read_artifact(folder, kind=cls.KIND)
        return cls(SASRec.load(saved.child("model")), saved.manifest.settings["every"])


def build(
    lab: Lab,
    *,
    every: int = 1,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> StoredStates:
    """Train SASRec and rank by states of some events ago.

    Args:
        lab: What may be seen.
        every: Events between two refreshes; 0 for never.
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
    settings = SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return StoredStates(lab.fit(SASRec(lab.num_items, settings), training), every)


SHARED = (
    "All arms rank by states of one network, which is trained once a seed; a history of n events has a state of its first n - n mod every."
)

CLAIMS = [
    Claim(
        name="stored-vectors-beat-none",
        says="A stored vector that is refreshed after every ten events ranks better than the list that everybody gets without one.",
        subject=Arm("every 10", "ubs", {"every": 10}),
        rivals=[Arm("never", "ubs", {"every": 0})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=SHARED,
    ),
    Claim(
        name="fresh-vectors-beat-stale",
        says="Staleness costs: a fresh vector ranks better than one that is refreshed after every five events, and after every twenty.",
        subject=Arm("fresh", "ubs", {"every": 1}),
        rivals=[Arm("every 5", "ubs", {"every": 5}), Arm("every 20", "ubs", {"every": 20})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note=SHARED,
    ),
    Claim(
        name="long-stored-vectors-beat-short-fresh",
        says="A stored vector of a long history, refreshed after every ten events, ranks better than a fresh one of the newest twenty.",
        subject=Arm("long, every 10", "ubs", {"every": 10, "max_len": 200}),
        rivals=[Arm("short, fresh", "ubs", {"every": 1, "max_len": 20})],
        dataset="ml-100k",
        metric="ndcg@10",
        budget=ML_100K,
        note="The paper's question, whether a long history that is read beside the requests is worth more than a short one in them.",
    ),
]
