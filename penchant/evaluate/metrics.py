"""Accuracy of ranked lists, a number a row. No model in sight.

Rules, the same for every metric:
- a target counts once, however often it is among the targets or in the list (its first place counts);
- a 0 in a list is an empty place: it is never a hit, and it still takes up its place;
- n is the number of distinct targets of a row, and h(i) is 1 where place i of the list is a hit.

Letters: R rows, K places of a list, T target events, k a cut-off.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from penchant.core.errors import require
from penchant.data.histories import Histories

#: The names of the metrics; ``per_row`` appends the cut-off, as in ``"ndcg@10"``.
METRICS = ("recall", "hit_rate", "ndcg", "mrr", "map", "precision")
#: What people read.
LABELS = {"recall": "Recall", "hit_rate": "HitRate", "ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "precision": "Precision"}

_BLOCK = 1 << 22  # cells (targets x places) compared at once: some 4 MB of bool


def label(name: str) -> str:
    """``"ndcg@10"`` as people write it: ``"NDCG@10"``."""
    metric, _, cutoff = name.partition("@")
    return f"{LABELS.get(metric, metric)}@{cutoff}" if cutoff else LABELS.get(metric, metric)


def hits(lists: np.ndarray, targets: Histories) -> np.ndarray:
    """Where the targets stand in the lists.

    Args:
        lists: int[R, K], best first; 0 is an empty place.
        targets: R rows of items to be found.

    Returns:
        bool[R, K]; each distinct target is marked at most once, at its first place.

    Raises:
        InputError: ``lists`` is not a matrix, or has another number of rows than ``targets``.
    """
    _check(lists, targets)
    found = np.zeros(lists.shape, bool)
    if lists.shape[1] == 0:
        return found
    rows, step = targets.rows, max(1, _BLOCK // lists.shape[1])
    # Targets are few and lists are long: one comparison of a target with its row's list needs no sorting.
    for start in range(0, targets.num_events, step):
        block = rows[start : start + step]
        match = lists[block] == targets.items[start : start + step, None]
        first = match.argmax(axis=1)
        present = match[np.arange(len(block)), first]
        found[block[present], first[present]] = True
    return found


def distinct(targets: Histories) -> np.ndarray:
    """int64[R], the number of distinct items of each row."""
    if targets.num_events == 0:
        return np.zeros(len(targets), np.int64)
    width = int(targets.items.max()) + 1
    keys = np.unique(targets.rows * width + targets.items)
    return np.bincount(keys // width, minlength=len(targets))


def per_row(lists: np.ndarray, targets: Histories, ks: Iterable[int]) -> dict[str, np.ndarray]:
    """Every metric at every cut-off.

    - ``recall@k``: targets in the first k places / n.
    - ``hit_rate@k``: 1 if any target is there, else 0.
    - ``ndcg@k``: sum of h(i) / log2(1 + i), divided by the largest sum possible with min(k, n) hits.
    - ``mrr@k``: 1 / place of the first hit, 0 if it lies after k.
    - ``map@k``: sum of h(i) x precision@i, divided by min(k, n).
    - ``precision@k``: hits in the first k places / k, also where the list is shorter than k.

    Args:
        lists: int[R, K], best first; 0 is an empty place.
        targets: R rows with at least one item each.
        ks: Cut-offs in 1..K.

    Returns:
        float32[R] by name, e.g. ``"ndcg@10"``; all in 0..1, higher is better.

    Raises:
        InputError: Shapes disagree, a row has no target, or a cut-off is outside 1..K.
    """
    ks = sorted(set(ks))
    _check(lists, targets)
    places = lists.shape[1]
    require(
        bool(ks) and ks[0] >= 1 and ks[-1] <= places,
        f"ks={ks}",
        f"cut-offs lie in 1..{places}, the length of the lists",
        "pass longer lists or smaller ks",
    )
    empty = int((targets.lengths == 0).sum())
    require(empty == 0, f"{empty} rows without a target", "a row is measured by what it should find", "leave those rows out")
    lists = lists[:, : ks[-1]]
    found = hits(lists, targets)
    total = distinct(targets)
    # A hit is rare, so sums over hits cost far less than sums over the matrix.
    rows, columns = np.nonzero(found)
    seen_before = np.arange(len(rows)) - np.searchsorted(rows, rows)  # hits of the row before this one
    gain = 1 / np.log2(2.0 + columns)
    precision_here = (seen_before + 1) / (columns + 1)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(2.0 + np.arange(ks[-1])))])
    result: dict[str, np.ndarray] = {}

    def put(name: str, values: np.ndarray) -> None:
        result[name] = values.astype(np.float32)

    for k in ks:
        inside = columns < k
        at = rows[inside]
        most = np.minimum(total, k)

        def total_of(values: np.ndarray, at: np.ndarray = at, inside: np.ndarray = inside) -> np.ndarray:
            return np.bincount(at, values[inside], minlength=len(lists))

        count = np.bincount(at, minlength=len(lists))
        put(f"recall@{k}", count / total)
        put(f"hit_rate@{k}", count > 0)
        put(f"ndcg@{k}", total_of(gain) / ideal[most])
        put(f"mrr@{k}", total_of((seen_before == 0) / (columns + 1)))
        put(f"map@{k}", total_of(precision_here) / most)
        put(f"precision@{k}", count / k)
    return result


def _check(lists: np.ndarray, targets: Histories) -> None:
    require(lists.ndim == 2, f"lists of shape {lists.shape}", "lists are one row a user, one column a place", "pass int[R, K]")
    require(
        len(lists) == len(targets),
        f"{len(lists)} lists for {len(targets)} rows of targets",
        "every list has its targets",
        "pass one list a row",
    )
