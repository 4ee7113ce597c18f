"""One behavioural contract for every recipe that makes no lists, found by discovery: built with ``TINY`` on the planted world.

A recipe to which a test does not apply says so, with the reason, in ``DEPARTS = {"test name": "reason"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from penchant.claims.claim import Arm
from penchant.claims.discover import Recipe, recipes
from penchant.core.errors import InputError
from penchant.core.seeds import seed_everything
from tests.contracts.planted import world


@pytest.fixture(params=sorted(name for name, found in recipes().items() if found.measure is not None))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    found = recipes()[request.param]
    test = request.node.originalname.removeprefix("test_")
    if test in found.departs:
        pytest.skip(f"{found.name}: {found.departs[test]}")
    return found


def measured(recipe: Recipe, settings: Mapping[str, Any], seed: int = 0) -> Mapping[str, np.ndarray]:
    seed_everything(seed)
    assert recipe.measure is not None
    return recipe.measure(recipe.build(world().lab(seed), **{**settings, **recipe.tiny}), world())


def arms(recipe: Recipe) -> list[Arm]:
    """Those of its own claims that are of this recipe, each once."""
    found = {repr(sorted(arm.settings.items())): arm for claim in recipe.claims for arm in claim.arms if arm.recipe == recipe.name}
    return list(found.values())


def test_every_arm_has_values_of_the_same_things(recipe: Recipe) -> None:
    values = [measured(recipe, arm.settings) for arm in arms(recipe)]
    sizes = {len(one) for found in values for one in found.values()}
    assert len(sizes) == 1
    assert min(sizes) > 0
    assert all(np.isfinite(one).all() for found in values for one in found.values())


def test_what_its_claims_speak_of_is_measured(recipe: Recipe) -> None:
    told = measured(recipe, {})
    for claim in recipe.claims:
        assert {claim.metric, *claim.shown} <= set(told), claim.name


def test_the_same_seed_measures_the_same(recipe: Recipe) -> None:
    once, again = measured(recipe, {}), measured(recipe, {})
    assert list(once) == list(again)
    for name in once:
        np.testing.assert_array_equal(once[name], again[name])


def test_unknown_arguments_are_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="no such argument"):
        recipe.check_settings({"no_such_argument": 1})
