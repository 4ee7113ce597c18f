"""k-means of points that may repeat, by FAISS."""

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
    """
    rows, weights = distinct(points)
    if len(rows) <= clusters:
        return rows
    found = faiss.Kmeans(
        rows.shape[1],
        clusters,
        niter=iterations,
        seed=seed % 2**31,
        gpu=False,
        min_points_per_centroid=1,
        max_points_per_centroid=points_a_cluster,
    )
    found.train(rows, weights=weights)
    return np.asarray(found.centroids, np.float32)


def distinct(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of float32[n, D] in order of first appearance, and how often each occurs (float32)."""
    rows = np.ascontiguousarray(points + np.float32(0))  # -0.0 becomes 0.0: equal rows get equal bytes
    keys = rows.view(np.dtype((np.void, rows.shape[1] * rows.itemsize))).ravel()
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    order = np.argsort(first)
    return rows[first[order]], counts[order].astype(np.float32)
