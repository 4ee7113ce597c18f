from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.items.code_checks import neighbour_agreement, projected, stability, tables
from penchant.items.residual_kmeans import ResidualKMeans


def blobs(items: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 6, items)
    return (6 * np.eye(12)[group] + 0.1 * rng.standard_normal((items, 12))).astype(np.float32), group


def test_neighbours_share_codes_that_mean_something() -> None:
    vectors, group = blobs()
    codes = np.stack([group, np.arange(300)], axis=1)
    found = neighbour_agreement(vectors, codes, k=5)
    assert found is not None
    assert (found.k, found.first, found.prefix) == (5, 1.0, 0.5)
    assert found.first_shuffled == pytest.approx(1 / 6, abs=0.05)
    assert found.prefix_shuffled == pytest.approx(1 / 12, abs=0.03)


def test_an_item_is_not_its_own_neighbour_and_ties_are_fair() -> None:
    same = np.ones((50, 4), np.float32)
    codes = np.repeat([[0], [1]], 25, axis=0)
    found = neighbour_agreement(same, codes, k=10)
    assert found is not None and found.first == pytest.approx(24 / 49, abs=0.12)
    two = neighbour_agreement(np.eye(2, dtype=np.float32), np.array([[0], [1]]), k=10)
    assert two is not None and (two.k, two.first) == (1, 0.0)
    assert neighbour_agreement(same[:1], codes[:1]) is None
    with pytest.raises(InputError, match="k=0"):
        neighbour_agreement(same, codes, k=0)


def test_stability_sees_that_labels_come_by_chance() -> None:
    vectors, _ = blobs()
    found = stability(vectors, ResidualKMeans(2, 6))
    assert found is not None
    assert found.changed_aligned[0] < 0.02 < found.changed[0]  # six clear groups: the same ones, under other numbers
    assert found.changed[0] <= found.changed[1] and found.changed_aligned[0] <= found.changed_aligned[1]
    assert found.error_seen <= found.error_unseen < 3 * found.error_seen
    assert stability(vectors[:9], ResidualKMeans(2, 6)) is None


def test_tables_are_counted() -> None:
    codes = np.array([[0, 0], [0, 0], [0, 0], [1, 2]])
    now = tables(codes, (4, 8), width=10)
    assert (now.items, now.code_rows, now.codes, now.ids, now.collisions) == (4, 15, 150, 40, 0.75)
    assert now.ratio == pytest.approx(40 / 150)


def test_a_projection_uses_codes_as_often_as_now() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 16, (4000, 2))
    later = projected(codes, (16, 16), 256_000)
    assert 32 + 1000 < later.code_rows < 32 + 1500  # 1000 items a pair of codes
    assert later.collisions == 1.0
    many = projected(rng.integers(0, 256, (500, 32)), (256,) * 32, 10_000)  # more pairs than an int64 can number
    assert many.collisions == 0 and many.code_rows == 256 * 32 + 1
