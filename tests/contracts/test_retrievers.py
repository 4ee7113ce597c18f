"""One behavioural contract for every retriever, with known answers."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.contracts import Retriever, Scorer
from penchant.core.errors import ArtifactError, InputError
from penchant.data.histories import Histories
from penchant.ranking import exclude_, top_k
from tests.contracts.planted import CASES, EVERYBODYS, NUM_ITEMS, PAIRS, train_histories

HISTORIES = Histories.of([[EVERYBODYS, 2 * pair + 1] for pair in range(PAIRS)])
MIXED = Histories.of([[], [1], [25, 3, 4, 7], [9, 9, 9], list(range(1, 25)), [25, 11]])


@cache
def trained(name: str) -> Retriever:
    return CASES[name].make(0)


@pytest.fixture(params=sorted(CASES))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_keeps_the_protocol(name: str) -> None:
    assert isinstance(trained(name), Retriever)
    assert trained(name).num_items == NUM_ITEMS


def test_recommends_the_planted_item(name: str) -> None:
    found = trained(name).recommend(HISTORIES, 1, exclude=HISTORIES)
    if CASES[name].planted:
        partners = 2 * np.arange(PAIRS) + 2
        assert (found.items[:, 0] == partners).mean() >= 0.9
    else:
        counts = np.bincount(train_histories().items, minlength=NUM_ITEMS + 1)
        counts[EVERYBODYS] = 0
        assert set(counts[found.items[:, 0]]) <= set(np.sort(counts)[-2:])


def test_batch_equals_single(name: str) -> None:
    model = trained(name)
    together = model.recommend(MIXED, 8, exclude=MIXED)
    for row in range(len(MIXED)):
        one = MIXED.take(np.array([row]))
        alone = model.recommend(one, 8, exclude=one)
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-4, atol=1e-4)
        assert alone.items[0].tolist() == together.items[row].tolist()


def test_excluded_items_never_appear_and_the_rest_does(name: str) -> None:
    model = trained(name)
    gone = Histories.of([list(range(1, NUM_ITEMS)), [], list(range(1, NUM_ITEMS + 1)), [2, 2, 5]])
    found = model.recommend(MIXED.take(np.arange(4)), NUM_ITEMS, exclude=gone)
    assert found.items[0].tolist() == [NUM_ITEMS] + [0] * (NUM_ITEMS - 1)
    assert sorted(found.items[1]) == list(range(1, NUM_ITEMS + 1))
    assert not found.items[2].any()
    assert np.isneginf(found.scores[2]).all()
    assert sorted(found.items[3])[:2] == [0, 0]
    assert not {2, 5} & set(found.items[3].tolist())


def test_lists_hold_distinct_items_by_falling_score(name: str) -> None:
    found = trained(name).recommend(MIXED, 10)
    for row in range(len(MIXED)):
        assert len(set(found.items[row].tolist())) == 10
    assert (np.diff(found.scores, axis=1) <= 1e-6).all()


def test_recommend_equals_top_k_of_score(name: str) -> None:
    model = trained(name)
    if not isinstance(model, Scorer):
        pytest.skip("generates, and does not score the catalogue")
    expected = top_k(exclude_(model.score(MIXED), MIXED), 10)
    assert model.recommend(MIXED, 10, exclude=MIXED).items.tolist() == expected.items.tolist()


@pytest.mark.parametrize("k", [0, NUM_ITEMS + 1])
def test_k_outside_the_catalogue_is_refused(name: str, k: int) -> None:
    with pytest.raises(InputError, match=rf"k={k}: .*; pass 1<=k<={NUM_ITEMS}"):
        trained(name).recommend(MIXED, k)


def test_no_rows_give_no_rows(name: str) -> None:
    assert trained(name).recommend(Histories.of([]), 3).items.shape == (0, 3)


def test_save_and_load_keep_rankings(name: str, tmp_path: Path) -> None:
    model = trained(name)
    model.save(tmp_path / "model")
    again = type(model).load(tmp_path / "model")
    before, after = model.recommend(MIXED, 12), again.recommend(MIXED, 12)
    assert before.items.tolist() == after.items.tolist()
    np.testing.assert_array_equal(before.scores, after.scores)


def test_one_changed_byte_is_noticed(name: str, tmp_path: Path) -> None:
    trained(name).save(tmp_path / "model")
    largest = max((path for path in (tmp_path / "model").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(bytes(content))
    with pytest.raises(ArtifactError):
        type(trained(name)).load(tmp_path / "model")


def test_same_seed_same_result(name: str) -> None:
    again = CASES[name].make(0)
    assert again.recommend(MIXED, 10).items.tolist() == trained(name).recommend(MIXED, 10).items.tolist()


def test_leaves_no_gradients_behind(name: str) -> None:
    model = trained(name)
    model.recommend(MIXED, 3)
    if isinstance(model, torch.nn.Module):
        assert all(parameter.grad is None for parameter in model.parameters())
