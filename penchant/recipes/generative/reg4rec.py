"""REG4Rec (Alibaba International, 2025, arXiv:2508.15308): codes of several experts, generated as a path whose order is confidence.

Flow     item text -> vector -> one code of each of M experts (MPQ); item = sum of its code embeddings -> causal transformer ->
         state -> the most confident open code is chosen, and again (CRSS); paths that disagree with themselves are dropped (CORP)
Departs  REG4Rec-style: rewards and the formula of consistency are not public, so there is no training by rewards (PARS, MSRA),
         and consistency is the cosine of a code's vector and the mean of those chosen before; the network that fills slots is
         the one of LLaDA-Rec; only tuples of real items survive; items are sums of code embeddings, not an MLP of them
Letters  M experts
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.items.experts import ExpertQuantiser
from penchant.models.generative.masked import MaskedSettings
from penchant.models.generative.retrievers import CodeRetriever
from penchant.models.generative.tandem import TandemSettings
from penchant.recipes.generative import masked
from penchant.recipes.generative.shared import Source, training_of

PAPER = Paper(
    "REG4Rec",
    "REG4Rec: Reasoning-Enhanced Generative Model for Large-Scale Recommendation Systems",
    "Alibaba International, 2025",
    "arXiv:2508.15308",
)
TINY = {**{name: value for name, value in masked.TINY.items() if name != "levels"}, "experts": 3, "quantiser_steps": 30}
SPACE = {
    "dropout": FloatDistribution(0.1, 0.6),
    "learning_rate": FloatDistribution(3e-4, 1e-2, log=True),
    "pruned": FloatDistribution(0.0, 0.6),
}


def build(
    lab: Lab,
    *,
    source: Source = Source.TEXT,
    experts: int = 4,
    codebook: int = 256,
    quantiser_steps: int = 300,
    adaptive: bool = True,
    pruned: float = 0.3,
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
    """Train REG4Rec.

    Args:
        lab: What may be seen; with text vectors.
        source: What codes are made of.
        experts: M, codes an item.
        codebook: Codes an expert.
        quantiser_steps: Batches the experts learn from.
        adaptive: Whether inference follows confidence, or a fixed order.
        pruned: Share of the paths that compete for the beam and are dropped for agreeing least with themselves; 0 drops none.
        beam: Paths kept at inference, after pruning; a longer list widens it.
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
    quantiser = ExpertQuantiser(experts, codebook, steps=quantiser_steps, seed=lab.seed)
    head = MaskedSettings(temperature=temperature, adaptive=adaptive, pruned=pruned, beam=beam, heads=heads)
    shape = TandemSettings(width=width, layers=layers, heads=heads, dropout=dropout, max_len=max_len)
    training = training_of(max_len=max_len, tokens=tokens, learning_rate=learning_rate, epochs=epochs)
    return masked.train_masked(lab, quantiser, Source(source), head, shape, training)


CLAIMS = [
    Claim(
        name="reg4rec-order-of-confidence-helps",
        says="A path of codes in the order of confidence ranks better than one in a fixed order.",
        subject=Arm("by confidence", "reg4rec"),
        rivals=[Arm("fixed order", "reg4rec", {"adaptive": False})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note="The arms train alike; they differ at inference, and in the checkpoint that their own search finds best.",
    ),
    Claim(
        name="reg4rec-pruning-helps",
        says="Dropping paths whose codes disagree ranks better than keeping the most probable ones, at equal beam.",
        subject=Arm("3 of 10 pruned", "reg4rec"),
        rivals=[Arm("none pruned", "reg4rec", {"pruned": 0.0})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note="The arms train alike; they differ at inference, and in the checkpoint that their own search finds best. "
        "The paper's formula is not public; this one is ours.",
    ),
    Claim(
        name="reg4rec-codes-mean-something",
        says="REG4Rec ranks better with the codes of the items' texts than with the same codes given to random items.",
        subject=Arm("codes of texts", "reg4rec"),
        rivals=[Arm("codes of random items", "reg4rec", {"source": "random"})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
    ),
]
