from __future__ import annotations

import faiss
import numpy as np
import pytest

from penchant.items.kmeans import distinct, kmeans, stages


def test_distinct_rows_keep_their_order_and_are_counted() -> None:
    rows, counts = distinct(np.array([[1, 0], [0, 0], [1, 0], [-0.0, 0]], np.float32))
    assert rows.tolist() == [[1, 0], [0, 0]]
    assert counts.tolist() == [2, 2]


def test_as_many_clusters_as_can_be_told_apart() -> None:
    points = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    assert kmeans(points, 5, seed=0, iterations=3, points_a_cluster=10).tolist() == [[1, 0], [0, 1]]


def test_repeated_points_weigh_as_often_as_they_occur() -> None:
    points = np.array([[0.0], [0.0], [0.0], [1.0], [10.0]], np.float32)
    found = np.sort(kmeans(points, 2, seed=0, iterations=20, points_a_cluster=10).ravel())
    np.testing.assert_allclose(found, [0.25, 10.0])


@pytest.mark.parametrize(
    ("width", "clusters", "wanted"), [(384, 256, [6, 12, 24, 48, 96, 192, 384]), (4, 256, [4]), (5, 2, [1, 2, 3, 5]), (1, 1, [1])]
)
def test_dimensions_double_up_to_all(width: int, clusters: int, wanted: list[int]) -> None:
    assert stages(width, clusters) == wanted


def lost(points: np.ndarray, centroids: np.ndarray) -> float:
    return float(((points[:, None] - centroids[None]) ** 2).sum(axis=-1).min(axis=1).mean())


def test_it_loses_less_than_from_points_drawn_at_random() -> None:
    ours, plain = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        points = (rng.standard_normal((1200, 32)) * np.linspace(3.0, 0.1, 32)).astype(np.float32)  # some axes matter more than others
        drawn = faiss.Kmeans(32, 40, niter=25, seed=seed, min_points_per_centroid=1)
        drawn.train(points)
        plain.append(lost(points, drawn.centroids))
        ours.append(lost(points, kmeans(points, 40, seed=seed, iterations=10, points_a_cluster=256)))
    assert np.mean(ours) < 0.995 * np.mean(plain)


def test_points_on_a_line_and_points_off_the_origin() -> None:
    line = np.outer(np.arange(30, dtype=np.float32), np.ones(8, np.float32)) + 1000
    found = kmeans(line, 3, seed=0, iterations=20, points_a_cluster=256)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.ptp(found, axis=1), 0, atol=0.05)
    assert lost(line, found) < 8 * 10**2 / 10
