"""LLaDA-Rec (RUC, 2025, arXiv:2511.06254): discrete diffusion over the codes of the next item, filled in the order of confidence.

Flow     item text -> vector -> parallel codes; item = sum of its code embeddings -> causal transformer -> state -> slots of the
         next item's codes, all masked -> in each pass of a bidirectional network the most confident are filled -> items
Departs  a causal encoder with a loss at every step in place of a bidirectional one with masked histories (the paper's second
         masking), so one pass trains all targets of a history; an optimised product quantiser in place of the multi-head
         VQ-VAE, the same kind of code; only tuples of real items survive; nothing that was filled is masked again
Letters  L levels
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.product import ProductQuantiser
from penchant.models.generative.masked import MaskedSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import TandemSettings
from penchant.recipes.generative import masked
from penchant.recipes.generative.shared import Source, training_of

PAPER = Paper(
    "LLaDA-Rec",
    "LLaDA-Rec: Discrete Diffusion for Parallel Semantic ID Generation in Generative Recommendation",
    "Renmin University of China, 2025",
    "arXiv:2511.06254",
)
TINY = masked.TINY
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "temperature": FloatDistribution(0.03, 0.15, log=True),
}


def build(
    lab: Lab,
    *,
    source: Source = Source.TEXT,
    levels: int = 4,
    codebook: int = 256,
    passes: int | None = None,
    adaptive: bool = True,
    beam: int = 20,
    temperature: float = 0.07,
    width: int = 128,
    layers: int = 2,
    heads: int = 4,
    dropout: float = 0.3,
    max_len: int = 50,
    learning_rate: float = 2e-3,
    epochs: int = 60,
    tokens: int = 1024,
) -> CodeRetriever:
    """Train LLaDA-Rec.

    Args:
        lab: What may be seen; with text vectors.
        source: What codes are made of.
        levels: L, codes an item.
        codebook: Codes a level.
        passes: Of the network that fill the slots at inference, at most L; None: one a slot. 1 is fully parallel.
        adaptive: Whether inference fills the most confident slots first, or the leftmost.
        beam: Partial tuples kept at inference; a longer list widens it.
        temperature: Of the cosines.
        width: Of states and code embeddings.
        layers: Blocks of the encoder of histories; the network over slots has one.
        heads: Of attention.
        dropout: Everywhere.
        max_len: Longest window of events.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded steps a batch.
    """
    head = MaskedSettings(temperature=temperature, steps=passes, adaptive=adaptive, beam=beam, heads=heads)
    shape = TandemSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len)
    training = training_of(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs)
    return masked.train_masked(lab, ProductQuantiser(levels, codebook, seed=lab.seed), Source(source), head, shape, training)


CLAIMS = [
    Claim(
        name="llada-rec-codes-mean-something",
        says="LLaDA-Rec ranks better with the codes of the items' texts than with the same codes given to random items.",
        subject=Arm("codes of texts", "llada_rec"),
        rivals=[Arm("codes of random items", "llada_rec", {"source": "random"})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
    ),
    Claim(
        name="four-passes-of-diffusion-beat-one",
        says="Codes filled one by one, each pass seeing those filled before, rank better than all four filled at once.",
        subject=Arm("4 passes", "llada_rec"),
        rivals=[Arm("1 pass", "llada_rec", {"passes": 1})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note="The arms train alike; they differ at inference, and in the checkpoint that their own search finds best. "
        "A single pass is searched exactly, without a beam.",
    ),
    Claim(
        name="two-passes-of-diffusion-near-four",
        says="Half as many passes of the network reach 98% of one pass a code.",
        subject=Arm("2 passes", "llada_rec", {"passes": 2}),
        rivals=[Arm("4 passes", "llada_rec")],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        margin=-0.02,
        note="The arms train alike; they differ at inference, and in the checkpoint that their own search finds best.",
    ),
    Claim(
        name="order-of-confidence-near-left-to-right",
        says="Filling the most confident codes first reaches 98% of filling them from left to right.",
        subject=Arm("by confidence", "llada_rec"),
        rivals=[Arm("left to right", "llada_rec", {"adaptive": False})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        margin=-0.02,
        note="The arms train alike; they differ at inference, and in the checkpoint that their own search finds best.",
    ),
]
