"""LC-Rec's index (Zheng et al., ICDE 2024, arXiv:2311.09049): codes without collisions and without a level for them, under TIGER.

Flow     text -> RQ-VAE whose last level spreads each batch evenly (Sinkhorn) -> of items that collide all but the closest
         move to the nearest free code of the last level -> TIGER
Departs  the index alone: a small transformer learns the codes in place of a tuned language model and its six tasks. One
         pass over the colliding items, nearest first, in place of up to 20 rounds of Sinkhorn over them; MiniLM in place of
         LLaMA; where all codes below a prefix are taken, a further level is added
Letters  L levels
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.generative.tiger import Tiger
from penchant.recipes.generative import shared
from penchant.recipes.generative.shared import Collisions, Network, Quantising, Source, sourced_codes

PAPER = Paper(
    "LC-Rec",
    "Adapting Large Language Models by Integrating Collaborative Semantics for Recommendation",
    "Renmin University and WeChat, ICDE 2024",
    "arXiv:2311.09049",
)
TINY = {"levels": 2, "codebook": 8, "quantiser_steps": 60, **shared.TINY}
SPACE = shared.SPACE
EXTENDS = "tiger"


def build(
    lab: Lab,
    *,
    uniform: bool = True,
    collisions: Collisions = Collisions.FREE,
    source: Source = Source.TEXT,
    levels: int = 4,
    codebook: int = 256,
    quantiser_steps: int = 600,
    dropout: float = 0.2,
    learning_rate: float = 2e-3,
    network: Mapping[str, Any] | None = None,
) -> Tiger:
    """Train TIGER on LC-Rec's index.

    Args:
        lab: What may be seen; with text vectors.
        uniform: Whether the last level is learnt evenly spread.
        collisions: How items with the same codes are told apart.
        source: What codes are made of.
        levels: L, codes an item.
        codebook: Codes a level.
        quantiser_steps: Batches that the RQ-VAE learns from.
        dropout: Everywhere.
        learning_rate: Of AdamW.
        network: Further fields of ``Network``.
    """
    shape = Network(dropout=dropout, learning_rate=learning_rate, **(network or {}))
    made = (Quantising.UNIFORM if uniform else Quantising.RQ_VAE).make(levels, codebook, lab.seed, steps=quantiser_steps)
    codes, share = sourced_codes(lab, made, Source(source), shape.shape, shape.training, Collisions(collisions))
    return shape.fit(lab, codes, share=share)


#: Every arm searches for lists of ten with a beam of twenty.
SEARCH = {"network": {"beam": 20}}

CLAIMS = [
    Claim(
        name="lc-rec-index-needs-no-extra-level",
        says="With colliding items moved to free codes of the last level, ranking is hardly behind (5% at most) that with a further level.",
        subject=Arm("free codes", "lc_rec", SEARCH),
        rivals=[Arm("a further level", "lc_rec", {"collisions": "rank", **SEARCH})],
        controls=[Arm("codes of random items", "lc_rec", {"source": "random", **SEARCH})],
        dataset="amazon-office",
        metric="ndcg@10",
        margin=-0.05,
        budget=Budget(steps=400),
        note="A token an item less is read and written. That no items collide is a property and is tested.",
    ),
    Claim(
        name="a-uniform-last-level-does-not-hurt",
        says="With an evenly spread last level, ranking is no worse (5% at most) than with a plain RQ-VAE and the same moves.",
        subject=Arm("uniform", "lc_rec", SEARCH),
        rivals=[Arm("plain", "lc_rec", {"uniform": False, **SEARCH})],
        controls=[Arm("codes of random items", "lc_rec", {"source": "random", **SEARCH})],
        dataset="amazon-office",
        metric="ndcg@10",
        margin=-0.05,
        budget=Budget(steps=400),
    ),
]
