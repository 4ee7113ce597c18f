"""One behavioural contract for every recipe that makes lists, found by discovery: trained with ``TINY`` on the planted world.

A recipe to which a test does not apply says so, with the reason, in ``DEPARTS = {"test name": "reason"}``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from penchant.claims.discover import Recipe, recipes
from penchant.contracts import Retriever, Scorer
from penchant.core.errors import InputError
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.ranking import exclude_, top_k
from tests.contracts.planted import EVERYBODYS, NUM_ITEMS, PAIRS, lab

PARTNERS = 2 * np.arange(PAIRS) + 2
BEGUN = Histories.of(
    [[EVERYBODYS, 2 * pair + 1] for pair in range(PAIRS)],
    times=[[400 * 86_400, 401 * 86_400] for _ in range(PAIRS)],
    users=np.arange(1, PAIRS + 1),
)
LISTS = [[], [1], [25, 3, 4, 7], [9, 9, 9], list(range(1, 25)), [25, 11]]
#: Users 0 are in no vocabulary; the others took part in training.
MIXED = Histories.of(LISTS, times=[[400 * 86_400 + 3600 * place for place in range(len(row))] for row in LISTS], users=[0, 0, 3, 4, 5, 0])


def build(name: str, seed: int = 0, folder: Path | None = None) -> Retriever:
    seed_everything(seed)
    recipe = recipes()[name]
    return recipe.build(lab(seed, folder), **recipe.tiny)


@cache
def trained(name: str) -> Retriever:
    return build(name)


@pytest.fixture(params=sorted(name for name, found in recipes().items() if found.measure is None))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    found = recipes()[request.param]
    test = request.node.originalname.removeprefix("test_")
    if test in found.departs:
        pytest.skip(f"{found.name}: {found.departs[test]}")
    return found


def test_keeps_the_protocol(recipe: Recipe) -> None:
    model = trained(recipe.name)
    assert isinstance(model, Retriever)
    assert model.num_items == NUM_ITEMS


def test_finds_the_planted_item(recipe: Recipe) -> None:
    found = trained(recipe.name).recommend(BEGUN, 1, exclude=BEGUN)
    assert (found.items[:, 0] == PARTNERS).mean() >= 0.9


def test_batch_equals_single(recipe: Recipe) -> None:
    model = trained(recipe.name)
    together = model.recommend(MIXED, 8, exclude=MIXED)
    for row in range(len(MIXED)):
        one = MIXED.take(np.array([row]))
        alone = model.recommend(one, 8, exclude=one)
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-4, atol=1e-4)
        scores = dict(zip(together.items[row].tolist(), together.scores[row].tolist(), strict=True))
        moved = alone.items[0] != together.items[row]  # what is equal but for rounding may change places, and leave the last one
        for item, score in zip(alone.items[0][moved].tolist(), alone.scores[0][moved].tolist(), strict=True):
            assert score == pytest.approx(scores.get(item, together.scores[row][-1]), rel=1e-4, abs=1e-4)


def test_excluded_items_never_appear(recipe: Recipe) -> None:
    gone = Histories.of([list(range(1, NUM_ITEMS)), [], list(range(1, NUM_ITEMS + 1)), [2, 2, 5]])
    found = trained(recipe.name).recommend(MIXED.take(np.arange(4)), NUM_ITEMS, exclude=gone)
    assert found.items[0].tolist() == [NUM_ITEMS] + [0] * (NUM_ITEMS - 1)
    assert sorted(found.items[1]) == list(range(1, NUM_ITEMS + 1))
    assert not found.items[2].any()
    assert not {2, 5} & set(found.items[3].tolist())


def test_recommend_equals_top_k_of_score(recipe: Recipe) -> None:
    model = trained(recipe.name)
    if isinstance(model, Scorer):
        expected = top_k(exclude_(model.score(MIXED), MIXED), 10)
        assert model.recommend(MIXED, 10, exclude=MIXED).items.tolist() == expected.items.tolist()


@pytest.mark.parametrize("k", [0, NUM_ITEMS + 1])
def test_k_outside_the_catalogue_is_refused(recipe: Recipe, k: int) -> None:
    with pytest.raises(InputError, match=rf"k={k}: .*; pass 1<=k<={NUM_ITEMS}"):
        trained(recipe.name).recommend(MIXED, k)


def test_save_and_load_keep_rankings(recipe: Recipe, tmp_path: Path) -> None:
    model = trained(recipe.name)
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    before, after = model.recommend(MIXED, 12), again.recommend(MIXED, 12)
    assert before.items.tolist() == after.items.tolist()
    np.testing.assert_array_equal(before.scores, after.scores)


def test_same_seed_same_ranking(recipe: Recipe) -> None:
    assert build(recipe.name).recommend(MIXED, 10).items.tolist() == trained(recipe.name).recommend(MIXED, 10).items.tolist()


def test_unknown_arguments_are_refused(recipe: Recipe) -> None:
    with pytest.raises(InputError, match="no such argument"):
        recipe.check_settings({"no_such_argument": 1})
