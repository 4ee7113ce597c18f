"""Exact vector search against a plain sort."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.search import vector
from penchant.search.vector import VectorIndex

VECTORS = np.concatenate([np.zeros((1, 6)), np.random.default_rng(0).normal(size=(40, 6))]).astype(np.float32)
QUERIES = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)


def test_equals_a_plain_sort(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = np.argsort(-(QUERIES @ VECTORS[1:].T), axis=1) + 1
    found = VectorIndex(VECTORS).search(QUERIES, 40)
    assert found.items.tolist() == expected.tolist()
    assert np.allclose(found.scores, -np.sort(-(QUERIES @ VECTORS[1:].T), axis=1), atol=1e-6)
    monkeypatch.setattr(vector, "blocks_of", lambda rows, items: (slice(row, row + 1) for row in range(rows)))
    assert VectorIndex(VECTORS).search(QUERIES, 40).items.tolist() == expected.tolist()


def test_excluded_items_and_those_without_a_vector_never_appear() -> None:
    vectors = VECTORS.copy()
    vectors[[5, 6]] = 0
    found = VectorIndex(vectors).search(QUERIES[:2], 40, exclude=Histories.of([[1, 2, 3], []]))
    assert set(found.items[0]) == set(range(41)) - {1, 2, 3, 5, 6}
    assert set(found.items[1]) == set(range(41)) - {5, 6}
    assert (found.items[0, 35:] == 0).all() and np.isneginf(found.scores[0, 35:]).all()


def test_a_query_of_zeros_finds_nothing_and_a_read_only_one_is_fine() -> None:
    queries = np.concatenate([np.zeros((1, 6), np.float32), QUERIES[:1]])
    queries.setflags(write=False)
    found = VectorIndex(VECTORS).search(queries, 3)
    assert found.items[0].tolist() == [0, 0, 0]
    assert (found.items[1] > 0).all()
    assert len(VectorIndex(VECTORS).search(queries[:0], 3)) == 0


def test_neighbours_leave_the_item_itself_out() -> None:
    found = VectorIndex(VECTORS).neighbours(np.array([3, 7]), 40)
    for row, item in zip(found.items, (3, 7), strict=True):
        expected = np.argsort(-(VECTORS[1:] @ VECTORS[item])) + 1
        assert row.tolist() == [*(other for other in expected if other != item), 0]


def test_bad_requests_are_refused() -> None:
    index = VectorIndex(VECTORS)
    for k in (0, 41):
        with pytest.raises(InputError, match=f"k={k}"):
            index.search(QUERIES, k)
    with pytest.raises(InputError, match="width 6"):
        index.search(QUERIES[:, :5], 3)
    with pytest.raises(InputError, match="5 queries"):
        index.search(QUERIES, 3, exclude=Histories.of([[1]]))
    for item in (0, 41, -1):
        with pytest.raises(InputError, match=r"1\.\.40"):
            index.neighbours(np.array([item]), 3)
    with pytest.raises(InputError):
        VectorIndex(VECTORS[:1])
    with pytest.raises(InputError, match="finite"):
        VectorIndex(np.full((3, 2), np.nan, np.float32))


def test_neighbours_leave_out_what_they_are_told_to() -> None:
    index = VectorIndex(VECTORS)
    found = index.neighbours(np.array([3, 7]), 40, exclude=Histories.of([[1, 2], []]))
    assert set(found.items[0]) == set(range(41)) - {1, 2, 3}
    assert set(found.items[1]) == set(range(41)) - {7}
    with pytest.raises(InputError, match="2 items"):
        index.neighbours(np.array([3, 7]), 2, exclude=Histories.of([[1]]))
