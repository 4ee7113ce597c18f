"""k-means of points that may repeat, by FAISS, begun in few dimensions.

Clusters are first found along the few principal axes in which the points differ most, then in twice as many, and so on.
Started from there, k-means in all dimensions ends in better optima than from points drawn at random (tests/items/test_kmeans.py).

Letters: n points, D dimensions, K clusters.
"""

from __future__ import annotations

import faiss
import numpy as np

from penchant.core.errors import require


def check(*, codebook: int, iterations: int, points: int) -> None:
    """The rules of every quantiser that rests on k-means.

    Raises:
        InputError: A number is below 1.
    """
    require(codebook >= 1, f"codebook={codebook}", "a level needs at least one code", "pass codebook>=1")
    require(iterations >= 1, f"iterations={iterations}", "k-means needs at least one iteration", "pass iterations>=1")
    require(points >= 1, f"points={points}", "a cluster needs at least one training point", "pass points>=1")


def kmeans(points: np.ndarray, clusters: int, *, seed: int, iterations: int, points_a_cluster: int) -> np.ndarray:
    """Centroids float32[K, D] of float32[n, D].

    Repeated points are one point with a weight, so K never exceeds what can be told apart; where there are no more
    distinct points than clusters, they are the centroids, in order of first appearance.

    Args:
        iterations: At each number of dimensions.
        points_a_cluster: Of more points, a sample is drawn.
    """
    rows, weights = distinct(points)
    if len(rows) <= clusters:
        return rows
    mean, axes = principal_axes(rows, weights)
    turned = (rows - mean) @ axes
    centroids = np.empty((clusters, 0), np.float32)
    for width in stages(rows.shape[1], clusters):
        found = faiss.Kmeans(
            width,
            clusters,
            niter=iterations,
            seed=seed % 2**31,
            gpu=False,
            min_points_per_centroid=1,
            max_points_per_centroid=points_a_cluster,
        )
        start = np.pad(centroids, ((0, 0), (0, width - centroids.shape[1]))) if centroids.size else None
        found.train(np.ascontiguousarray(turned[:, :width]), weights=weights, init_centroids=start)
        centroids = np.asarray(found.centroids, np.float32)
    return np.ascontiguousarray(centroids @ axes.T + mean)


def stages(width: int, clusters: int) -> list[int]:
    """Numbers of dimensions, each about twice the one before, from about as many as codes of that number of clusters have bits."""
    found = [width]
    while found[-1] > max(1.0, np.log2(clusters)):
        found.append(-(-found[-1] // 2))
    return found[::-1]


def principal_axes(rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean float32[D] of float32[n, D], and their principal axes as columns float32[D, D], that of most variance first."""
    mean = np.average(rows, axis=0, weights=weights)
    centred = (rows - mean) * np.sqrt(weights / weights.sum())[:, None]
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return mean.astype(np.float32), np.ascontiguousarray(axes[:, ::-1], np.float32)


def distinct(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of float32[n, D] in order of first appearance, and how often each occurs (float32)."""
    rows = np.ascontiguousarray(points + np.float32(0))  # -0.0 becomes 0.0: equal rows get equal bytes
    keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[first[order]], counts[order].astype(np.float32)
