"""Every index keeps the contract; at full effort all agree with the exact one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.search.approximate import FaissIndex, FlatIndex, HNSWIndex, HNSWSettings, IVFPQIndex, IVFPQSettings

COUNT, WIDTH = 1200, 16


def unit(count: int, seed: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


VECTORS, QUERIES = unit(COUNT, 0), unit(20, 1)
#: Index and the effort at which it looks at everything.
MAKERS = {
    "flat": (FlatIndex, 1),
    "ivfpq": (lambda: IVFPQIndex(IVFPQSettings(lists=8, again=COUNT / 10)), 8),
    "hnsw": (lambda: HNSWIndex(HNSWSettings(links=16)), COUNT),
}


def filled(name: str) -> tuple[FaissIndex, int]:
    make, effort = MAKERS[name]
    index = make()
    index.add(VECTORS[:1000])
    index.add(VECTORS[1000:])
    return index, effort


@pytest.mark.parametrize("name", MAKERS)
def test_at_full_effort_it_equals_a_plain_sort(name: str) -> None:
    index, effort = filled(name)
    scores = QUERIES @ VECTORS.T
    found = index.search(QUERIES, 10, effort=effort)
    assert found.items.tolist() == (np.argsort(-scores, axis=1)[:, :10] + 1).tolist()
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :10], atol=1e-5)


@pytest.mark.parametrize("name", ["ivfpq", "hnsw"])
def test_more_effort_finds_more(name: str) -> None:
    index, effort = filled(name)
    exact = index.search(QUERIES, 10, effort=effort).items

    def recall(effort: int) -> float:
        found = index.search(QUERIES, 10, effort=effort).items
        return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]))

    assert recall(1) < recall(effort) == 1.0


@pytest.mark.parametrize("name", MAKERS)
def test_save_and_load_keep_what_is_found(name: str, tmp_path: Path) -> None:
    index, _ = filled(name)
    index.save(tmp_path / "index")
    again = type(index).load(tmp_path / "index")
    assert again.num_items == COUNT and again.settings == index.settings
    before, after = index.search(QUERIES, 5), again.search(QUERIES, 5)
    np.testing.assert_array_equal(before.items, after.items)
    np.testing.assert_array_equal(before.scores, after.scores)


def test_places_without_an_item_hold_zero() -> None:
    index = IVFPQIndex(IVFPQSettings(lists=20))
    index.add(VECTORS)
    found = index.search(QUERIES, 500, effort=1)
    empty = found.items == 0
    assert empty.any() and (~empty).any()
    assert np.isneginf(found.scores[empty]).all() and np.isfinite(found.scores[~empty]).all()


@pytest.mark.parametrize("name", MAKERS)
def test_bad_requests_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add items first"):
        MAKERS[name][0]().save(tmp_path / "empty")
    with pytest.raises(InputError, match="0 vectors"):
        MAKERS[name][0]().add(VECTORS[:0])
    index, _ = filled(name)
    with pytest.raises(InputError, match=f"k={COUNT + 1}"):
        index.search(QUERIES, COUNT + 1)
    with pytest.raises(InputError, match="effort=0"):
        index.search(QUERIES, 5, effort=0)
    with pytest.raises(InputError, match="width 16"):
        index.search(QUERIES[:, :5], 5)
    with pytest.raises(InputError, match="finite"):
        index.add(np.full((1, WIDTH), np.nan, np.float32))
    assert len(index.search(QUERIES[:0], 5)) == 0


def test_codes_need_a_divisor_and_enough_vectors() -> None:
    with pytest.raises(InputError, match="choose a divisor"):
        IVFPQIndex(IVFPQSettings(width_per_code=3)).add(VECTORS)
    with pytest.raises(InputError, match="FlatIndex"):
        IVFPQIndex().add(VECTORS[:15])
