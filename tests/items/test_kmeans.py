from __future__ import annotations

import numpy as np

from penchant.items.kmeans import distinct, kmeans


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
