"""PrepRec beside SASRec: the budget is shared out, and validation chooses how much each says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penchant.claims.claim import Budget
from penchant.core.seeds import seed_everything
from penchant.models.blend import Blend
from penchant.recipes.training import preprec
from tests.contracts.planted import lab


@pytest.mark.parametrize(("weights", "mixed", "steps"), [("trained", 0.75, {"model": 10, "sasrec": 30}), ("random", 1.0, {"sasrec": 40})])
def test_a_mixture_is_no_worse_on_validation_than_its_sasrec(weights: str, mixed: float, steps: dict[str, int]) -> None:
    seed_everything(0)
    world = replace(lab(), budget=Budget(steps=40))
    found = preprec.build(world, **{**preprec.TINY, "source": None, "weights": weights, "mixed": mixed})  # type: ignore[arg-type]
    assert isinstance(found, Blend)
    assert {name: run.steps for name, run in world.runs.items()} == steps
    assert found.weights[0] in preprec.ALPHAS and sum(found.weights) == pytest.approx(1)
    assert world.quality(found) >= world.quality(found.parts[1])
