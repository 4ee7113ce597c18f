"""GRID (Ju et al., Snap, CIKM 2025, arXiv:2507.22224): which parts of generative recommendation with semantic IDs matter.

Flow     {k-means, RQ-VAE, random} codes -> TIGER trained on {every event, the newest alone} -> {constrained, free} beams
Departs  one causal pass trains every event where the paper expands a user into rows, so both arms see batches of as many
         users; MiniLM in place of Flan-T5; residuals are not normalised between levels; no user token; free beams that name
         no item are dropped after decoding, and their places stay empty
Letters  L levels
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.data.last_targets import LastTargets
from penchant.models.generative.tiger import Tiger
from penchant.recipes.generative import shared
from penchant.recipes.generative.shared import Collisions, Network, Quantising, Source, sourced_codes

PAPER = Paper(
    "GRID",
    "Generative Recommendation with Semantic IDs: A Practitioner's Handbook",
    "Snap, CIKM 2025",
    "arXiv:2507.22224",
)
TINY = {"levels": 1, "codebook": 16, **shared.TINY}
SPACE = shared.SPACE
EXTENDS = "tiger"


def build(
    lab: Lab,
    *,
    quantiser: Quantising = Quantising.KMEANS,
    source: Source = Source.TEXT,
    every_event: bool = True,
    constrained: bool = True,
    levels: int = 3,
    codebook: int = 256,
    dropout: float = 0.2,
    learning_rate: float = 2e-3,
    network: Mapping[str, Any] | None = None,
) -> Tiger:
    """Train TIGER on one point of the grid.

    Args:
        lab: What may be seen; with text vectors.
        quantiser: How texts become codes.
        source: What codes are made of; ``random`` is the control.
        every_event: Whether every event of a history is a target, or the newest alone.
        constrained: Whether beams keep to prefixes that lead to items.
        levels: L, codes an item before the one that makes them unique.
        codebook: Codes a level.
        dropout: Everywhere.
        learning_rate: Of AdamW.
        network: Further fields of ``Network``.
    """
    shape = Network(dropout=dropout, learning_rate=learning_rate, **(network or {}))
    made = Quantising(quantiser).make(levels, codebook, lab.seed)
    codes, share = sourced_codes(lab, made, Source(source), shape.shape, shape.training, Collisions.RANK)
    newest = None if every_event else LastTargets(lab.train, max_len=shape.max_len, tokens=shape.tokens, seed=lab.seed)
    return shape.fit(lab, codes, share=share, data=newest, constrained=constrained)


#: Lists of ten, as in validation, are searched for with a beam of twenty; a list of fifty widens it to fifty.
SEARCH = {"network": {"beam": 20}}
CHOSEN = Arm("k-means, every event, constrained", "grid", SEARCH)
RANDOM = Arm("random codes", "grid", {"source": "random", **SEARCH})

CLAIMS = [
    Claim(
        name="k-means-codes-are-as-good-as-rq-vae",
        says="TIGER ranks no worse (5% at most) on codes of residual k-means, which needs no training, than on codes of an RQ-VAE.",
        subject=CHOSEN,
        rivals=[Arm("RQ-VAE", "grid", {"quantiser": "rq-vae", **SEARCH})],
        controls=[RANDOM],
        dataset="amazon-office",
        metric="ndcg@10",
        margin=-0.05,
        budget=Budget(steps=400),
        note="The quantisers' own training is not part of the steps.",
    ),
    Claim(
        name="every-event-as-a-target-helps",
        says="TIGER ranks better when every event of a history is a target than when the newest is the only one.",
        subject=CHOSEN,
        rivals=[Arm("newest alone", "grid", {"every_event": False, **SEARCH})],
        controls=[Arm("newest alone, RQ-VAE", "grid", {"every_event": False, "quantiser": "rq-vae", **SEARCH})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note="Both take as many steps of as many users a batch, so as many passes over the users; targets a step differ.",
    ),
    Claim(
        name="constrained-beams-find-more",
        says="Beams that keep to the codes of items find more than free ones of which those that name no item are dropped.",
        subject=CHOSEN,
        rivals=[Arm("free", "grid", {"constrained": False, **SEARCH})],
        controls=[Arm("free, random codes", "grid", {"constrained": False, "source": "random", **SEARCH})],
        dataset="amazon-office",
        metric="recall@50",
        budget=Budget(steps=400),
        shown=("recall@10", "ndcg@10", "recall@50", "ndcg@50"),
        note="The beam holds 50 prefixes in both, so free ones leave places of a list of 50 empty; items that the user had are taken out "
        "while decoding, or after it.",
    ),
]
