"""Neighbours: the nearest by a slow count, never of one's own group, and batches that keep rows and neighbours together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data import neighbours
from penchant.data.batches import TrainingBatches
from penchant.data.histories import Histories
from penchant.data.neighbours import NeighbourBatches, nearest, portraits, strangers


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 25), st.integers(1, 2), st.integers(1, 30), st.integers(0, 10**6))
def test_nearest_agrees_with_a_full_sort(count: int, k: int, cells: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, groups = random.normal(size=(count, 4)).astype(np.float32), random.integers(0, max(2, count // 2), count)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "CELLS", cells)
        found = nearest(vectors, k, groups=groups)
    for row in range(count):
        others = [other for other in np.argsort(-(vectors @ vectors[row]), kind="stable") if groups[other] != groups[row]][:k]
        assert found[row].tolist() == (others + [row] * k)[:k]


def test_without_groups_only_the_row_itself_is_left_out() -> None:
    assert nearest(np.eye(3, dtype=np.float32) + 1, 2).tolist() == [[1, 2], [0, 2], [0, 1]]
    with pytest.raises(InputError, match=r"k=3: .*; pass 1<=k<3"):
        nearest(np.eye(3), 3)


def test_strangers_are_spread_over_all_and_rarely_of_the_own_group() -> None:
    groups = np.repeat(np.arange(50), 2)
    drawn = strangers(100, 40, np.random.default_rng(0), groups=groups)
    assert len(np.unique(drawn)) == 100
    assert (groups[drawn] == groups[:, None]).mean() < 0.005  # 0.02 without the second draw


def test_a_portrait_is_the_mean_of_the_inputs() -> None:
    batches = TrainingBatches(Histories.of([[1, 2, 3], [3], [2, 2, 1]], users=[1, 2, 3]), max_len=5, tokens=50)
    vectors = np.array([[0, 0], [1, 0], [0, 1], [5, 5]], np.float32)
    np.testing.assert_allclose(portraits(batches, vectors), [[0.5**0.5, 0.5**0.5], [0, 0], [0, 1]], rtol=1e-6)


def test_rows_stay_with_their_neighbours() -> None:
    rows = [list(range(n, 2 * n + 1)) for n in (2, 4, 1, 3, 4, 2)]
    plain = TrainingBatches(Histories.of(rows, users=np.arange(1, 7)), max_len=5, tokens=8)
    described = np.arange(12, dtype=np.float32).reshape(6, 2)
    near = np.array([[1, 2], [2, 3], [3, 4], [4, 5], [5, 0], [0, 1]])
    found = NeighbourBatches(plain, near, described).batch(np.array([4, 1]))
    assert found.batch.users.tolist() == [5, 2]
    assert torch.cat([part.users for part in found.others])[found.places].tolist() == [6, 1, 3, 4]
    assert [part.items.shape[1] for part in found.others] == [4, 3]
    assert [len(part) for part in found.others] == [2, 2], "of like length, and of at most eight steps"
    assert found.portraits.tolist() == described[[4, 1]].tolist()
    assert found.other_portraits.tolist() == described[[[5, 0], [2, 3]]].tolist()
    assert found.num_targets == 10
