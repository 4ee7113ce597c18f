"""Exact vector search against a plain sort."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.search.vector import VectorIndex

VECTORS = np.concatenate([np.zeros((1, 6)), np.random.default_rng(0).normal(size=(40, 6))]).astype(np.float32)


def test_equals_a_plain_sort() -> None:
    queries = np.random.default_rng(1).normal(size=(5, 6)).astype(np.float32)
    found = VectorIndex(VECTORS).search(queries, 40)
    expected = np.argsort(-(queries @ VECTORS[1:].T), axis=1) + 1
    assert found.items.tolist() == expected.tolist()


def test_an_item_is_not_its_own_neighbour() -> None:
    found = VectorIndex(VECTORS).neighbours(np.array([3, 7]), 39)
    assert 3 not in found.items[0]
    assert sorted(found.items[1]) == [item for item in range(1, 41) if item != 7]


@pytest.mark.parametrize("k", [0, 41])
def test_k_outside_the_catalogue_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=f"k={k}"):
        VectorIndex(VECTORS).search(VECTORS[:1], k)
