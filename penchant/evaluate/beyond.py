"""What accuracy does not show: how much of the catalogue is used, how evenly, how surprising and how varied the lists are.

Letters: R rows, K places of a list, N items, U training users, D width of the item vectors, k a cut-off.
An empty place (item 0) is never counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.data.popularity import NEW, TAIL, popularity_tiers

#: What people read, by the name before the cut-off; short, for tables.
LABELS = {
    "coverage": "Coverage",
    "gini": "Gini",
    "novelty": "Novelty (bits)",
    "tail_share": "Tail share",
    "intra_list_distance": "Distance",
}

_BLOCK = 16_384  # rows whose vectors are summed at once


@dataclass(frozen=True)
class Background:
    """What lists are held against: who had what in training, and what the items are like.

    Attributes:
        num_users: U, training users with at least one event.
        holders: int64[N + 1], training users who had each item; entry 0 is 0.
        tiers: int8[N + 1], see ``penchant.data.popularity``.
        vectors: float32[N + 1, D] of unit length, or zero where an item has none; ``None`` leaves distances out.
    """

    num_users: int
    holders: np.ndarray
    tiers: np.ndarray
    vectors: np.ndarray | None = None

    @classmethod
    def of(cls, train: Histories, num_items: int, vectors: np.ndarray | None = None) -> Background:
        """From the training events and, if there are any, item vectors float[N + 1, D] of any length.

        Raises:
            InputError: ``vectors`` has another number of rows than N + 1.
        """
        width = num_items + 1
        keys = np.unique(train.rows * width + train.items)
        unit = None
        if vectors is not None:
            require(
                vectors.ndim == 2 and len(vectors) == width,
                f"vectors of shape {vectors.shape}",
                f"one row an item after padding: {width} rows",
                "pass float[N + 1, D]",
            )
            unit = vectors.astype(np.float32)
            length = np.linalg.norm(unit, axis=1, keepdims=True)
            unit = np.divide(unit, length, out=np.zeros_like(unit), where=length > 0)
            unit[0] = 0
        return cls(
            num_users=int((train.lengths > 0).sum()),
            holders=np.bincount(keys % width, minlength=width),
            tiers=popularity_tiers(np.bincount(train.items, minlength=width)),
            vectors=unit,
        )

    @property
    def num_items(self) -> int:
        return len(self.tiers) - 1


def beyond(lists: np.ndarray, k: int, background: Background) -> dict[str, float]:
    """All of this module's measures of the first k places of int[R, K], by name, e.g. ``"coverage@10"``.

    ``intra_list_distance`` is there only with vectors, and only if some list has two items; ``novelty`` and
    ``tail_share`` only if some list has an item.
    """
    require(
        lists.ndim == 2 and 1 <= k <= lists.shape[1],
        f"k={k} for lists of shape {lists.shape}",
        "a cut-off lies within the lists",
        "pass 1<=k<=K",
    )
    top = lists[:, :k]
    exposure = np.bincount(top.ravel(), minlength=background.num_items + 1)[1:]
    values = {
        f"coverage@{k}": coverage(exposure),
        f"gini@{k}": gini(exposure),
        f"novelty@{k}": novelty(exposure, background.holders, background.num_users),
        f"tail_share@{k}": tail_share(exposure, background.tiers),
    }
    if background.vectors is not None:
        distances = intra_list_distance(top, background.vectors)
        if not np.isnan(distances).all():
            values[f"intra_list_distance@{k}"] = float(np.nanmean(distances))
    return {name: value for name, value in values.items() if np.isfinite(value)}


def coverage(exposure: np.ndarray) -> float:
    """Share of the catalogue that stands in at least one list, 0..1.

    Args:
        exposure: int[N], in how many lists each item stands.
    """
    return float((exposure > 0).mean())


def gini(exposure: np.ndarray) -> float:
    """Gini coefficient of how often the N items are shown: 0 all equally often, (N - 1) / N one item only.

    Mean absolute difference between two items' exposure, divided by twice the mean. Items never shown count. 0 if
    nothing is shown.
    """
    ordered = np.sort(exposure.astype(np.float64))
    size, total = len(ordered), ordered.sum()
    if total == 0:
        return 0.0
    return float(((2 * np.arange(1, size + 1) - size - 1) * ordered).sum() / (size * total))


def novelty(exposure: np.ndarray, holders: np.ndarray, num_users: int) -> float:
    """Mean over all shown places of -log2(share of training users who had the item), in bits.

    An item that nobody had counts as if one user had had it, so that the value stays finite. NaN if nothing is shown.

    Args:
        exposure: int[N].
        holders: int[N + 1], with the padding entry.
        num_users: U.
    """
    if exposure.sum() == 0:
        return float("nan")
    share = np.maximum(holders[1:], 1) / max(num_users, 1)
    return float(np.average(-np.log2(share), weights=exposure))


def tail_share(exposure: np.ndarray, tiers: np.ndarray) -> float:
    """Share of all shown places that hold a tail or a new item, 0..1. NaN if nothing is shown.

    Args:
        exposure: int[N].
        tiers: int8[N + 1], with the padding entry.
    """
    if exposure.sum() == 0:
        return float("nan")
    rare = (tiers[1:] == TAIL) | (tiers[1:] == NEW)
    return float(exposure[rare].sum() / exposure.sum())


def intra_list_distance(top: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Mean over a list's pairs of places of 1 - cosine of the two items' vectors, 0..2.

    An item without a vector (zero) has cosine 0 with every other.

    Args:
        top: int[R, k].
        unit: float32[N + 1, D], rows of unit length or zero; row 0 is zero.

    Returns:
        float64[R]; NaN where a list has fewer than two items.
    """
    shown = (top > 0).sum(axis=1)
    pairs = shown * (shown - 1) / 2
    has_vector = (unit != 0).any(axis=1)
    cosines = np.empty(len(top))
    for start in range(0, len(top), _BLOCK):
        block = top[start : start + _BLOCK]
        # A product with the lists as a sparse matrix sums each list's vectors without copying them out first.
        cells = (np.ones(block.size, np.float32), block.ravel(), np.arange(0, block.size + 1, block.shape[1]))
        together = csr_array(cells, shape=(len(block), len(unit))) @ unit
        # The squared length of the sum holds every pair twice and every vector's own square, which is 1.
        cosines[start : start + len(block)] = (np.einsum("rd,rd->r", together, together) - has_vector[block].sum(axis=1)) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(shown >= 2, 1 - cosines / pairs, np.nan)
