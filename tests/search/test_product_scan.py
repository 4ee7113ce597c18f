"""The scan equals sums written out, ties and exclusion included."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.ranking import tie_order
from penchant.search.product_scan import ProductScan


def made(items: int = 500, levels: int = 4, size: int = 6, part: int = 3, seed: int = 0) -> tuple[ProductScan, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((levels, size, part)).astype(np.float32)
    codes = random.integers(0, size, (items, levels))
    return ProductScan(vectors, codes), vectors, codes


def written_out(vectors: np.ndarray, codes: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """float64[B, N]."""
    return sum(queries[:, level].astype(np.float64) @ vectors[level, codes[:, level]].T for level in range(codes.shape[1]))


def test_scores_are_the_sums() -> None:
    scan, vectors, codes = made()
    queries = np.random.default_rng(1).standard_normal((7, 4, 3)).astype(np.float32)
    found = scan.search(queries, 500)
    exact = written_out(vectors, codes, queries)
    np.testing.assert_allclose(found.scores, np.take_along_axis(exact, found.items - 1, axis=1), rtol=1e-4, atol=1e-4)
    assert (np.sort(found.items, axis=1) == np.arange(1, 501)).all()
    assert (np.diff(found.scores, axis=1) <= 0).all()
    np.testing.assert_allclose(found.scores[:, 0], exact.max(axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_items_with_the_same_codes_come_in_the_stated_order(k: int) -> None:
    scan = ProductScan(np.array([[[1.0], [0.0]]], np.float32), np.array([[0]] * 30 + [[1]] * 30))
    best = np.argsort(tie_order(60)[1:31])[:k] + 1
    assert scan.search(np.ones((1, 1, 1), np.float32), k).items[0].tolist() == best.tolist()


def test_excluded_items_never_come_and_the_rest_does() -> None:
    scan, vectors, codes = made(items=20)
    queries = np.ones((3, 4, 3), np.float32)
    gone = Histories.of([list(range(1, 20)), [], list(range(1, 21))])
    found = scan.search(queries, 20, exclude=gone)
    assert found.items[0].tolist() == [20] + [0] * 19
    assert sorted(found.items[1]) == list(range(1, 21))
    assert not found.items[2].any() and np.isneginf(found.scores[2]).all()
    some = scan.search(queries, 5, exclude=Histories.of([[3, 3, 4], [7], []]))
    left = written_out(vectors, codes, queries)
    left[0, [2, 3]] = left[1, 6] = -np.inf
    np.testing.assert_allclose(some.scores, -np.sort(-left, axis=1)[:, :5], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_only_allowed_items_come(share: float) -> None:
    scan, vectors, codes = made(items=200, levels=2, size=3)  # many ties
    queries = np.random.default_rng(1).standard_normal((3, 2, 3)).astype(np.float32)
    allowed = np.random.default_rng(2).random(201) < share
    gone = Histories.of([np.flatnonzero(allowed[1:])[:5] + 1, [7, 7, 9], []])
    found = scan.search(queries, 20, exclude=gone, allowed=allowed)
    left = np.where(allowed[1:], written_out(vectors, codes, queries), -np.inf)
    for row in range(3):
        left[row, gone.row(row) - 1] = -np.inf
    expected = np.lexsort((np.broadcast_to(tie_order(200)[1:], left.shape), -left.astype(np.float32)), axis=-1)[:, :20]
    best = np.take_along_axis(left, expected, axis=1)
    np.testing.assert_allclose(found.scores, best, rtol=1e-4, atol=1e-4)
    assert ((found.items == 0) == np.isneginf(best)).all()
    assert all(allowed[row[row > 0]].all() and len(set(row[row > 0])) == (row > 0).sum() for row in found.items)


def test_a_mask_that_changes_is_seen() -> None:
    scan, *_ = made(items=20)
    queries, allowed = np.ones((1, 4, 3), np.float32), np.zeros(21, bool)
    for item in (3, 8):
        allowed[:] = False
        allowed[item] = True
        assert scan.search(queries, 2, allowed=allowed).items.tolist() == [[item, 0]]


def test_no_queries() -> None:
    assert made()[0].search(np.zeros((0, 4, 3), np.float32), 3).items.shape == (0, 3)


def test_bad_input() -> None:
    scan, vectors, codes = made()
    with pytest.raises(InputError, match="k=501"):
        scan.search(np.zeros((1, 4, 3), np.float32), 501)
    with pytest.raises(InputError, match="parts of width 3"):
        scan.search(np.zeros((1, 4, 2), np.float32), 1)
    with pytest.raises(InputError, match=r"codes 0\.\.6"):
        ProductScan(vectors, codes + (codes == 5))
    with pytest.raises(InputError, match="4 levels"):
        ProductScan(vectors, codes[:, :2])
    with pytest.raises(InputError, match="one byte"):
        ProductScan(np.zeros((1, 257, 2), np.float32), np.zeros((3, 1), int))
