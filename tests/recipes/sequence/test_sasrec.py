"""Every sampled loss of SASRec learns the planted pairs, the binary ones slowly: without learning the metric stays below 0.3."""

from __future__ import annotations

from dataclasses import replace

import pytest

from penchant.claims.claim import Budget
from penchant.core.seeds import seed_everything
from penchant.recipes.sequence import sasrec
from tests.contracts.planted import lab


@pytest.mark.parametrize(
    "settings",
    [{"objective": "sampled", "negatives": 12}, {"objective": "gbce", "negatives": 12}, {"objective": "binary", "negatives": 4}],
)
def test_sampled_losses_learn(settings: dict[str, object]) -> None:
    seed_everything(0)
    world = replace(lab(), budget=Budget(steps=200))  # the binary ones start slowly, so that patience would end them
    sasrec.build(world, **{**sasrec.TINY, **settings})  # type: ignore[arg-type]
    assert world.runs["model"].best > 0.4
