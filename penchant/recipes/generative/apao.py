"""APAO (Tsinghua, 2026): TIGER trained so that no prefix of the right item falls out of the beam.

Flow     TIGER; its loss + weight * losses of all prefixes of the target, against drawn items, the worst prefix counting most
Departs  negatives are drawn anew in every batch, and few, as each costs a pass of the decoder (its code: 100, anew each epoch)
Letters  none
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import FloatDistribution

from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.lab import Lab
from penchant.models.generative.tiger import Tiger
from penchant.recipes.generative import tiger

PAPER = Paper("APAO", "Adaptive prefix-aware optimisation (from its public code)", "Tsinghua, 2026", "https://github.com/yuyq18/APAO")
TINY = {"negatives": 1, "settings": tiger.TINY}
SPACE = {"weight": FloatDistribution(0.01, 1.0, log=True)}


def build(lab: Lab, *, weight: float = 0.1, negatives: int = 4, focus: float = 0.0, settings: Mapping[str, Any] | None = None) -> Tiger:
    """Train TIGER with losses of prefixes.

    Args:
        lab: What may be seen; with text vectors.
        weight: Of the losses of prefixes; 0 is TIGER.
        negatives: Items a target's prefixes are set against; 0 for the pointwise loss.
        focus: How much more the worst prefix counts.
        settings: Arguments of TIGER, over its defaults.
    """
    return tiger.build(lab, prefix_weight=weight, prefix_negatives=negatives, prefix_focus=focus, **(settings or {}))


SMALL_BEAM = {"settings": {"beam": 10}}

CLAIMS = [
    Claim(
        name="prefix-losses-help-a-small-beam",
        says="Under a beam of 10, TIGER ranks better when prefixes of the target are trained by themselves.",
        subject=Arm("prefixes, pairwise", "apao", SMALL_BEAM),
        rivals=[Arm("codes alone", "apao", {**SMALL_BEAM, "weight": 0.0, "negatives": 0})],
        controls=[Arm("prefixes, pointwise", "apao", {**SMALL_BEAM, "negatives": 0})],
        dataset="amazon-office",
        metric="ndcg@10",
        budget=Budget(steps=400),
        note="The pointwise loss is cross-entropy with more weight on early codes; what negatives add is the difference to it.",
    ),
]
