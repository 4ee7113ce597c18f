"""One stage or two: equal steps in all, and what becomes of the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from penchant.claims.claim import Budget
from penchant.core.seeds import seed_everything
from penchant.recipes.training import one_epoch
from tests.contracts.planted import lab


@pytest.mark.parametrize(("tables", "steps", "moves"), [("tuned", (16, 24), True), ("frozen", (16, 24), False), ("scratch", (0, 40), True)])
def test_arms_take_equal_steps_and_frozen_tables_rest(tables: str, steps: tuple[int, int], moves: bool) -> None:
    seen: list[torch.Tensor] = []
    seed_everything(0)
    world = replace(lab(), budget=Budget(steps=40))
    fit = world.fit

    def watched(model: object, *args: object, **options: object) -> object:
        if options["name"] == "ranker":
            seen.append(model.items.weight.detach().clone())  # type: ignore[attr-defined]
        return fit(model, *args, **options)  # type: ignore[type-var, arg-type]

    world.fit = watched  # type: ignore[method-assign, assignment]
    model = one_epoch.build(world, **{**one_epoch.TINY, "tables": tables, "first": 0.4})  # type: ignore[arg-type]
    first, second = steps
    assert (world.runs["tables"].steps if first else 0, world.runs["ranker"].steps) == (first, second)
    assert len(world.runs) == 1 + (first > 0)
    assert torch.equal(seen[0], model.items.weight) != moves
    assert all("metric" in entry for entry in world.runs["ranker"].log), "the record holds the whole curve"
