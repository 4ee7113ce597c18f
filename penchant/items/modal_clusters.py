"""Clusters of items a modality: a trainable vector for each then says what behaviour knows of content, for new items, too.

M3CSR (Kuaishou, RecSys 2024, doi:10.1145/3640457.3688098). Rows are brought to unit length a modality, or the one with the
longest vectors would decide alone.

Letters: N items, M modalities, D_m width of a modality, K clusters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penchant.core.errors import require
from penchant.items.quantiser import unit_rows
from penchant.items.residual_kmeans import ResidualKMeans


def modal_clusters(
    features: Sequence[np.ndarray], counts: np.ndarray, *, clusters: int = 128, joint: bool = False, seed: int = 0
) -> np.ndarray:
    """int32[N + 1, M], the cluster 0..K-1 of each item in each modality; row 0 is -1.

    Clusters are learnt from the items with training events (from all, if there are none); the others get the nearest.

    Args:
        features: M arrays float32[N + 1, D_m]; row 0 is padding.
        counts: int64[N + 1], training events an item.
        clusters: K.
        joint: Cluster all modalities side by side, so that an item has one cluster in all of them.
        seed: Of the clustering.

    Raises:
        InputError: There is no modality, or they do not have one row an item.
    """
    require(len(features) > 0, "0 modalities", "clusters are made of features", "pass at least one array")
    for place, rows in enumerate(features):
        fits = len(rows) == len(counts)
        require(fits, f"{len(rows)} rows of modality {place}", f"there are {len(counts) - 1} items and padding", "pass N + 1 rows")
    seen = np.flatnonzero(counts[1:] > 0)
    parts = [unit_rows(rows[1:]).astype(np.float32) for rows in features]
    if joint:
        parts = [np.concatenate(parts, axis=1)]
    found = []
    for rows in parts:
        kmeans = ResidualKMeans(levels=1, codebook=clusters, seed=seed).fit(rows[seen] if len(seen) else rows)
        found.append(kmeans.encode(rows)[:, 0])
    codes = np.stack(found * (len(features) if joint else 1), axis=1)
    return np.concatenate([np.full((1, len(features)), -1, np.int32), codes])
