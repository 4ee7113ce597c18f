"""Semantic IDs in place of random ones (YouTube, RecSys 2024, arXiv:2306.08121): SASRec over sums of pieces of codes.

Flow     texts -> residual k-means codes -> pieces (runs of n codes, or runs learnt from traffic) -> an item's vector is the sum of
         its pieces' rows -> SASRec
Departs  a next-item network in place of a multi-task ranker of one platform; residual k-means in place of an RQ-VAE; hashing, runs
         of n and learnt runs have the same number of rows; content is projected to the network's width
Letters  none
"""

from __future__ import annotations

from enum import StrEnum

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.controls import shuffled
from penchant.items.pieces import hashed, n_grams, sentence_pieces
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.recode import codes_of
from penchant.models.sequence.sasrec import SASRecSettings
from penchant.models.sequence.tables import ContentTable, MadeTable, PieceTable, TabledSASRec
from penchant.recipes.common import BEAUTY, BEAUTY_TIES
from penchant.train.settings import TrainSettings

PAPER = Paper(
    "Semantic IDs",
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
    "levels": 4,
    "codebook": 8,
    "rows": 128,
}
SPACE = {"dropout": FloatDistribution(0.1, 0.6), "learning_rate": FloatDistribution(3e-4, 5e-3, log=True)}


class Known(StrEnum):
    """What an item's vector is made of."""

    HASHED = "hashed"  # one random row
    CONTENT = "content"  # its text vector, as it is
    N_GRAMS = "n-grams"  # runs of n codes
    SENTENCE_PIECES = "sentence pieces"  # runs of codes learnt from traffic


def build(
    lab: Lab,
    *,
    known: Known = Known.SENTENCE_PIECES,
    rows: int = 4096,
    levels: int = 8,
    codebook: int = 32,
    length: int = 2,
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
    """Train SASRec over items that share rows.

    Args:
        lab: What may be seen; with text vectors.
        known: What an item's vector is made of.
        rows: Of the table, for hashing and learnt pieces; runs of n have what their codes need.
        levels: Codes an item.
        codebook: Codes a level.
        length: n, of runs of n.
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
    codes = ResidualKMeans(levels=levels, codebook=codebook, seed=lab.seed)
    table = _table(lab, Known(known), codes, rows=rows, length=length, random_items=random_items, width=width)
    training = TrainSettings(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs, patience=5, validate_every=2)
    return lab.fit(TabledSASRec(table, shape), training)


def _table(lab: Lab, known: Known, quantiser: ResidualKMeans, *, rows: int, length: int, random_items: bool, width: int) -> MadeTable:
    if known == Known.CONTENT:
        return ContentTable(lab.vectors, width)
    if known == Known.HASHED:
        return PieceTable(*hashed(lab.num_items, rows, lab.seed), width)
    codes = codes_of(lab.vectors, lab.counts, quantiser)
    codes = shuffled(codes, lab.seed) if random_items else codes
    pieces = n_grams(codes, length) if known == Known.N_GRAMS else sentence_pieces(codes, lab.counts, rows)
    return PieceTable(*pieces, width)


_ROWS = f"Hashing, runs of two codes and learnt runs have 4,096 rows each for 12,101 items. {BEAUTY_TIES}"
N_GRAMS = {"known": "n-grams"}

CLAIMS = [
    Claim(
        name="pieces-of-codes-beat-hashing",
        says="With as many rows, learnt pieces of semantic IDs rank better than random rows that items share by chance.",
        subject=Arm("learnt pieces", "semantic_ids"),
        rivals=[Arm("hashing", "semantic_ids", {"known": "hashed"})],
        controls=[Arm("learnt pieces of random items", "semantic_ids", {"random_items": True})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=_ROWS,
    ),
    Claim(
        name="pieces-of-codes-find-the-tail",
        says="Of items with few events, runs of two codes find more than random rows that items share by chance.",
        subject=Arm("runs of two", "semantic_ids", N_GRAMS),
        rivals=[Arm("hashing", "semantic_ids", {"known": "hashed"})],
        controls=[Arm("runs of two of random items", "semantic_ids", {**N_GRAMS, "random_items": True})],
        dataset="amazon-beauty",
        metric="recall@50",
        slice="tail",
        budget=BEAUTY,
        note=_ROWS,
    ),
    Claim(
        name="content-alone-loses-to-hashing",
        says="Frozen content vectors, without anything learnt of single items, rank worse than random rows.",
        subject=Arm("hashing", "semantic_ids", {"known": "hashed"}),
        rivals=[Arm("content", "semantic_ids", {"known": "content"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note=f"The paper's premise: content cannot be memorised. {_ROWS}",
    ),
]
