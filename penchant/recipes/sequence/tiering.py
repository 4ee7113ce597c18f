"""Head and tail tiers of items: popular items have vectors of their own, the tail has those of its semantic IDs.

Flow     texts -> residual k-means codes; an item's vector is the sum of its codes' rows, and a row of its own if it is a head item
         -> SASRec
Departs  of the paper, semantic IDs in place of its item IDs, only below the head; tiers follow from training events and rest. Live
         tiers, and vectors of head items that follow events, are the platform's: see ``penchant.serve.tiers``
Letters  none
"""

from __future__ import annotations

import numpy as np
from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.core.errors import require
from penchant.items.controls import shuffled
from penchant.items.pieces import n_grams
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.recode import codes_of
from penchant.models.sequence.sasrec import SASRecSettings
from penchant.models.sequence.tables import PieceTable, TabledSASRec
from penchant.recipes.common import BEAUTY, BEAUTY_TIES
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Head and tail tiers",
    "Better Generalization with Semantic IDs: A Case Study in Ranking for Recommendations",
    "YouTube, RecSys 2024",
    "arXiv:2306.08121",
)
EXTENDS = "sasrec"
TINY = {
    "width": 32,
    "layers": 1,
    "max_len": 12,
    "dropout": 0.1,
    "learning_rate": 5e-3,
    "epochs": 25,
    "tokens": 256,
    "levels": 3,
    "codebook": 8,
}
SPACE = {"dropout": FloatDistribution(0.1, 0.6), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}


def build(
    lab: Lab,
    *,
    owned: float = 0.5,
    levels: int = 4,
    codebook: int = 256,
    random_items: bool = False,
    width: int = 64,
    layers: int = 2,
    heads: int = 2,
    dropout: float = 0.3,
    max_len: int = 50,
    temperature: float | None = None,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> TabledSASRec:
    """Train SASRec over items in two tiers.

    Args:
        lab: What may be seen; with text vectors.
        owned: Share of training events that the head holds; 0: no item has a row of its own, 1: every one has.
        levels: Codes an item.
        codebook: Codes a level.
        random_items: Whether an item has the codes of a random other one, as a control.
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
    shape = SASRecSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len, temperature=temperature)
    codes = codes_of(lab.vectors, lab.counts, ResidualKMeans(levels=levels, codebook=codebook, seed=lab.seed))
    codes = shuffled(codes, lab.seed) if random_items else codes
    table = PieceTable(*n_grams(codes, 1), width, heads=head_items(lab.counts, owned))
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(TabledSASRec(table, shape), training)


def head_items(counts: np.ndarray, share: float) -> np.ndarray:
    """bool[N + 1], the smallest set of the most popular items with at least that share of the events; at 1 every item.

    Args:
        counts: int[N + 1], training events an item.
        share: 0 to 1.
    """
    require(0 <= share <= 1, f"share={share:g}", "a share is between 0 and 1", "pass for example 0.5")
    events = counts[1:].astype(np.int64)
    order = np.argsort(-events, kind="stable")
    before = np.cumsum(events[order]) - events[order]  # events of all more popular items
    found = np.zeros(len(counts), bool)
    found[1 + order[(before < share * events.sum()) | (share == 1)]] = True
    return found


CLAIMS = [
    Claim(
        name="tiers-cost-no-accuracy",
        says="Where only items with half of the events have vectors of their own, lists are no worse, within 1%, than where all have.",
        subject=Arm("head and tail", "tiering"),
        rivals=[Arm("all have their own", "tiering", {"owned": 1.0}), Arm("IDs alone", "sasrec")],
        controls=[Arm("codes of random items", "tiering", {"random_items": True})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        margin=-0.01,
        budget=BEAUTY,
        note=f"Rows of the item tables are among the parameters of the record. {BEAUTY_TIES}",
    ),
    Claim(
        name="codes-serve-the-tail",
        says="Of items with few events, those that only have vectors of their codes are found more often than items with IDs alone.",
        subject=Arm("head and tail", "tiering"),
        rivals=[Arm("IDs alone", "sasrec")],
        controls=[Arm("codes of random items", "tiering", {"random_items": True})],
        dataset="amazon-beauty",
        metric="recall@50",
        slice="tail",
        budget=BEAUTY,
        note=BEAUTY_TIES,
    ),
]
