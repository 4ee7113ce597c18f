"""APAO (Tsinghua, 2026): TIGER trained so that no prefix of the right item falls out of the beam.

Flow     TIGER; its loss + weight * losses of all prefixes of the target, against drawn items, the worst prefix counting most
Departs  negatives are drawn anew in every batch, and few, as each costs a pass of the decoder (its code: 100, anew each epoch)
Letters  none
"""

from __future__ import annotations

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.generative.tiger import Tiger
from penchant.recipes.common import BEAUTY
from penchant.recipes.generative import tiger

PAPER = Paper("APAO", "Adaptive prefix-aware optimisation (from its public code)", "Tsinghua, 2026", "https://github.com/yuyq18/APAO")
EXTENDS = "tiger"
TINY = {
    "negatives": 1,
    "levels": 2,
    "codebook": 8,
    "width": 64,
    "layers": 1,
    "inner": 128,
    "max_len": 12,
    "dropout": 0.0,
    "learning_rate": 5e-3,
    "epochs": 40,
    "tokens": 128,
}
SPACE = {"weight": FloatDistribution(0.01, 1.0, log=True), "dropout": FloatDistribution(0.05, 0.5)}


def build(
    lab: Lab,
    *,
    weight: float = 0.1,
    negatives: int = 4,
    focus: float = 0.0,
    levels: int = 3,
    codebook: int = 256,
    width: int = 128,
    layers: int = 2,
    inner: int = 512,
    dropout: float = 0.2,
    max_len: int = 21,
    beam: int = 50,
    learning_rate: float = 2e-3,
    epochs: int = 100,
    tokens: int = 1024,
) -> Tiger:
    """Train TIGER with losses of prefixes.

    Args:
        lab: What may be seen; with text vectors.
        weight: Of the losses of prefixes; 0 is TIGER.
        negatives: Items a target's prefixes are set against; 0 for the pointwise loss.
        focus: How much more the worst prefix counts.
        levels: Codes an item before the one that makes them unique.
        codebook: Codes a level.
        width: Of states and code embeddings.
        layers: Of the encoder, and as many of the decoder.
        inner: Width of feed-forward parts.
        dropout: Everywhere.
        max_len: Longest window: items, and the start token.
        beam: Prefixes kept a level.
        learning_rate: Of AdamW.
        epochs: Passes over the data, at most.
        tokens: Padded items a batch.
    """
    return tiger.build(
        lab,
        levels=levels,
        codebook=codebook,
        width=width,
        layers=layers,
        inner=inner,
        dropout=dropout,
        max_len=max_len,
        beam=beam,
        prefix_weight=weight,
        prefix_negatives=negatives,
        prefix_focus=focus,
        learning_rate=learning_rate,
        epochs=epochs,
        tokens=tokens,
    )


CLAIMS = [
    Claim(
        name="prefix-losses-help-a-small-beam",
        says="Under a beam of 10, TIGER ranks better when prefixes of the target are trained by themselves.",
        subject=Arm("prefixes, pairwise", "apao", {"beam": 10}),
        rivals=[Arm("codes alone", "apao", {"beam": 10, "weight": 0.0, "negatives": 0})],
        controls=[Arm("prefixes, pointwise", "apao", {"beam": 10, "negatives": 0})],
        dataset="amazon-beauty",
        metric="ndcg@10",
        budget=BEAUTY,
        note="The pointwise loss is cross-entropy with more weight on early codes; what negatives add is the difference to it.",
    ),
]
