from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items.drift import Churn, churn, divergence, drift, drift_of, tree_distance
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.tfidf import TfidfSvd


def blobs(items: int, axes: range, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((items, 8)) + 4 * np.eye(8)[rng.choice(list(axes), items)]).astype(np.float32)


def test_items_of_the_same_sort_have_not_drifted_and_others_have() -> None:
    old = blobs(300, range(4), 0)
    quantiser = ResidualKMeans(2, 8).fit(old)
    same, other = (drift_of(quantiser, old, blobs(100, axes, 1)) for axes in (range(4), range(4, 8)))
    assert not same.drifted and other.drifted
    assert "No drift" in same.message() and "re-fit" in other.message()
    for level in same.levels:
        assert level.error_unseen is not None and level.ratio is not None
        assert level.error_new == pytest.approx(level.error_unseen, rel=0.2)
        assert level.ratio == pytest.approx(level.error_new / level.error)
        assert level.shift < 2 * level.shift_chance
    assert other.levels[0].error_new > 3 * other.levels[0].error
    one_sort = drift_of(quantiser, old, blobs(100, range(1), 1))  # coded well, but one sort only
    assert one_sort.drifted and one_sort.levels[0].shift > 5 * one_sort.levels[0].shift_chance
    assert one_sort.levels[0].error_new < 1.25 * one_sort.levels[0].error
    assert json.loads(json.dumps(other.plain()))["drifted"] is True


def test_first_codes_that_nobody_has() -> None:
    quantiser = ResidualKMeans(1, 4).fit(np.eye(4, dtype=np.float32))
    found = drift_of(quantiser, np.eye(4, dtype=np.float32)[:2], np.eye(4, dtype=np.float32)[1:])
    assert found.unheld == pytest.approx(2 / 3)
    assert found.levels[0].ratio is None and found.levels[0].error_unseen is None  # exact, and too few to hold any out


def test_divergence_of_known_cases() -> None:
    assert divergence(np.array([0, 1]), np.array([1, 0, 0, 1]), 2) == 0
    assert divergence(np.array([0, 0]), np.array([1]), 2) == pytest.approx(1)
    # (1/2, 1/2) against (1, 0): entropy of (3/4, 1/4) minus half of one bit
    assert divergence(np.array([0, 1]), np.array([0]), 2) == pytest.approx(0.811278 - 0.5, abs=1e-6)


def test_drift_of_a_space_takes_its_encoder() -> None:
    texts = [f"{word} {n}" for word in ("tea", "lamp", "rope") for n in range(6)]
    catalog = Catalog(pl.DataFrame({"item_id": [f"i{n}" for n in range(18)], "title": texts}))
    encoder = TfidfSvd(8).fit(catalog.texts())
    space = ItemSpace.build(catalog, encoder, ResidualKMeans(1, 3), np.concatenate([[0], np.ones(12), np.zeros(6)]))
    new = pl.DataFrame({"item_id": ["a", "b"], "title": ["tea 1", "nothing known"]})
    found = drift(space, new, encoder)
    assert (found.items, found.new) == (12, 2)
    with pytest.raises(InputError, match="was made with tfidf-svd"):
        drift(space, new, TfidfSvd(8).fit(["something else"]))
    with pytest.raises(InputError, match="0 new items"):
        drift(space, new.clear(), encoder)
    with pytest.raises(InputError, match="0 old items"):
        drift_of(space.quantiser, np.empty((0, 8)), np.ones((1, 8)))


def space_of(codes: list[list[int]], ids: str, events: list[int]) -> ItemSpace:
    table = np.array([[-1] * len(codes[0]), *codes], np.int32)
    catalog = Catalog(pl.DataFrame({"item_id": list(ids)}))
    parts = {"encoder_name": "none", "encoder_fingerprint": "none"}
    return ItemSpace(catalog, {"text": np.zeros((len(table), 2), np.float32)}, table, np.array([0, *events]), ResidualKMeans(1), **parts)


def test_churn_worked_by_hand() -> None:
    before = space_of([[0, 0], [0, 1], [1, 0], [2, 0]], "abcd", [1, 1, 1, 1])
    after = space_of([[5, 5], [1, 0], [0, 2], [0, 0]], "ecba", [100, 6, 1, 3])  # e is new, d is gone, b has moved
    found = churn(before, after)
    assert found.items == 3 and found.moved == pytest.approx(1 / 3)
    assert found.levels == (0, pytest.approx(1 / 3)) and found.prefixes == found.levels
    assert found.moved_events == pytest.approx(0.1)
    assert found.tree == 0 and "10.0% of the events" in found.message()
    json.dumps(found.plain())
    quiet = churn(before, space_of([[0, 0]], "a", [0]))
    assert isinstance(quiet, Churn) and quiet.moved_events is None and quiet.moved == 0
    with pytest.raises(InputError, match="0 items in both"):
        churn(before, space_of([[0, 0]], "z", [0]))
    with pytest.raises(InputError, match="levels"):
        churn(before, space_of([[0, 0, 0]], "a", [0]))


def test_tree_distance_is_that_of_all_pairs_and_knows_no_labels() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.integers(0, 3, (30, 3)), rng.integers(0, 3, (30, 3))

    def depth(codes: np.ndarray, one: int, two: int) -> int:
        return int(np.logical_and.accumulate(codes[one] == codes[two]).sum())

    pairs = [(depth(old, *pair), depth(new, *pair)) for pair in combinations(range(30), 2)]
    assert tree_distance(old, new) == pytest.approx(1 - sum(map(min, pairs)) / sum(map(max, pairs)))
    assert tree_distance(old, 2 - old) == 0
    apart = np.arange(30)[:, None]
    assert tree_distance(apart, apart[::-1]) == 0 and tree_distance(old, apart.repeat(3, axis=1)) == 1


@pytest.mark.parametrize(("old", "new", "codebook"), [(300, 100, 64), (400, 400, 128), (200, 600, 64)])
def test_many_codes_and_few_items_are_no_drift(old: int, new: int, codebook: int) -> None:
    sample = np.random.default_rng(0).standard_normal((old + new, 8)).astype(np.float32)
    quantiser = ResidualKMeans(1, codebook).fit(np.random.default_rng(1).standard_normal((2000, 8)).astype(np.float32))
    assert not drift_of(quantiser, sample[:old], sample[old:]).drifted
