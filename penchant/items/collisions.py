"""Telling items apart that a quantiser gave the same codes.

Letters: n rows, L levels.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require


def unique_codes(codes: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
    """Append a level that tells duplicates apart: the rank of a row among the rows with the same codes, 0 for the first.

    Args:
        codes: int32[n, L].
        taken: int32[m, L + 1], codes given out before. They keep their meaning: new rows continue after the highest
            rank in use, so ``unique_codes(b, taken=unique_codes(a))`` equals the last rows of ``unique_codes(a + b)``.

    Returns:
        int32[n, L + 1], rows distinct from each other and from ``taken``.

    Raises:
        InputError: The shapes do not fit each other.
    """
    require(codes.ndim == 2, f"codes of shape {codes.shape}", "codes are one row an item", "pass int32[n, L]")
    earlier = np.empty((0, codes.shape[1] + 1), np.int32) if taken is None else np.asarray(taken)
    fits = earlier.ndim == 2 and earlier.shape[1] == codes.shape[1] + 1
    require(
        fits, f"taken of shape {earlier.shape}", f"codes of {codes.shape[1]} levels grow by one", f"pass int32[m, {codes.shape[1] + 1}]"
    )
    if not len(codes):
        return np.empty((0, codes.shape[1] + 1), np.int32)
    _, group = np.unique(np.concatenate([earlier[:, :-1], codes]), axis=0, return_inverse=True)
    group = group.ravel()
    free = np.zeros(int(group.max()) + 1, np.int64)  # the first free rank of each group
    np.maximum.at(free, group[: len(earlier)], earlier[:, -1] + 1)
    mine = group[len(earlier) :]
    order = np.argsort(mine, kind="stable")
    ranked = mine[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sizes = np.diff(np.append(starts, len(ranked)))
    ranks = np.empty(len(mine), np.int64)
    ranks[order] = np.arange(len(ranked)) - np.repeat(starts, sizes)
    return np.concatenate([codes, (free[mine] + ranks)[:, None]], axis=1).astype(np.int32)
