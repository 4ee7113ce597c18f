"""TIGER (Rajput et al., NeurIPS 2023, arXiv:2305.05065): the next item's semantic ID, written code by code by a transformer.

Flow     item text -> vector -> residual codes, and one that makes them unique -> encoder over the codes of 20 items -> decoder
Departs  one causal pass trains all prefixes of a history (see the network); 2 + 2 layers (paper 4 + 4); residual k-means by
         default, which is no worse than RQ-VAE (GRID, arXiv:2507.22224) and needs no training; MiniLM in place of
         Sentence-T5; no user token
Letters  L levels
"""

from __future__ import annotations

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.generative.tiger import Tiger
from penchant.recipes.common import BEAUTY
from penchant.recipes.generative import shared
from penchant.recipes.generative.shared import Collisions, Network, Quantising, Source, sourced_codes

PAPER = Paper("TIGER", "Recommender Systems with Generative Retrieval", "Google, NeurIPS 2023", "arXiv:2305.05065")
TINY = {"levels": 1, "codebook": 16, "dropout": 0.0, "learning_rate": 1e-2, **shared.TINY_NETWORK}
SPACE = shared.SPACE


def build(
    lab: Lab,
    *,
    source: Source = Source.TEXT,
    quantiser: Quantising = Quantising.KMEANS,
    levels: int = 3,
    codebook: int = 256,
    collisions: Collisions = Collisions.RANK,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    inner: int = 512,
    dropout: float = 0.2,
    max_len: int = 21,
    beam: int = 50,
    prefix_weight: float = 0.0,
    prefix_negatives: int = 0,
    prefix_focus: float = 0.0,
    learning_rate: float = 2e-3,
    epochs: int = 100,
    tokens: int = 1024,
) -> Tiger:
    """Train TIGER.

    Args:
        lab: What may be seen; with text vectors.
        source: What codes are made of.
        quantiser: How.
        levels: L, codes an item before the one that makes them unique.
        codebook: Codes a level.
        collisions: How items with the same codes are told apart.
        width: Of states and code embeddings.
        layers: Of the encoder, and as many of the decoder.
        heads: Of attention.
        inner: Width of feed-forward parts.
        dropout: Everywhere.
        max_len: Longest window: items, and the start token.
        beam: Prefixes kept a level.
        prefix_weight: Of the loss of prefixes, see ``penchant.objectives.prefix``.
        prefix_negatives: Items a target's prefixes are set against; 0 makes each prefix likely by itself.
        prefix_focus: How much more the worst prefix counts.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded items a batch.
    """
    network = Network(
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        dropout=dropout,
        max_len=max_len,
        beam=beam,
        learning_rate=learning_rate,
        epochs=epochs,
        tokens=tokens,
    )
    made = Quantising(quantiser).make(levels, codebook, lab.seed)
    codes, share = sourced_codes(lab, made, Source(source), network.shape, network.training, Collisions(collisions))
    weights = {"prefix_weight": prefix_weight, "prefix_negatives": prefix_negatives, "prefix_focus": prefix_focus}
    return network.fit(lab, codes, share=share, **weights)


CLAIMS = [
    Claim(
        name="tiger-codes-mean-something",
        says="TIGER ranks better with the codes of the items' texts than with the same codes given to random items.",
        subject=Arm("codes of texts", "tiger"),
        rivals=[Arm("codes of random items", "tiger", {"source": "random"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
    ),
    Claim(
        name="tiger-beats-sasrec",
        says="TIGER ranks better than SASRec with a softmax over the catalogue.",
        subject=Arm("TIGER", "tiger"),
        rivals=[Arm("SASRec, cross-entropy", "sasrec")],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note="The paper compares with a SASRec of one binary negative, which is far weaker; this claim is expected to fail.",
    ),
    Claim(
        name="tiger-does-without-an-extra-level",
        says="TIGER ranks hardly behind (5% at most) when colliding items move to free codes, instead of a level that tells them apart.",
        subject=Arm("nearest free codes", "tiger", {"collisions": "free"}),
        rivals=[Arm("a further level, by rank", "tiger")],
        controls=[Arm("codes of random items", "tiger", {"source": "random"})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        margin=-0.05,
        budget=BEAUTY,
        note="A token an item less is read and written.",
    ),
]
