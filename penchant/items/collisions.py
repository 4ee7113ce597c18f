"""Telling items apart that a quantiser gave the same codes: by a further level, or by other codes of the last level.

Letters: n rows, m rows of codes given out before, L levels, K codes of the last level.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from penchant.core.errors import require

_DIGITS = 9  # distances this close are equal, and the lower row or code wins


class Spreadable(Protocol):
    """A quantiser that can say how far each code of the last level is."""

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """int32[n, L] of float32[n, D]."""
        ...

    def last_distances(self, vectors: np.ndarray) -> np.ndarray:
        """float64[n, K], squared, from what L - 1 levels leave of float32[n, D] to the codes of the last level."""
        ...


def unique_codes(codes: np.ndarray, taken: np.ndarray | None = None, *, order: np.ndarray | None = None) -> np.ndarray:
    """Append a level that tells duplicates apart: the rank of a row among the rows with the same codes, 0 for the first.

    Args:
        codes: int32[n, L].
        taken: int32[m, L + 1], codes given out before. They keep their meaning: new rows continue after the highest
            rank in use, so ``unique_codes(b, taken=unique_codes(a))`` equals the last rows of ``unique_codes(a + b)``.
        order: int[n], the rows in the order in which they are ranked, such as ``np.argsort(-counts, kind="stable")``
            for the most popular first (MMGRec, arXiv:2404.16555). ``None``: as they stand.

    Returns:
        int32[n, L + 1], rows distinct from each other and from ``taken``.

    Raises:
        InputError: The shapes do not fit each other, or the order does not name each row once.
    """
    require(codes.ndim == 2, f"codes of shape {codes.shape}", "codes are one row an item", "pass int32[n, L]")
    earlier = _earlier(taken, codes.shape[1] + 1)
    place = np.arange(len(codes))
    if order is not None:
        once = np.array_equal(np.sort(order), place)
        require(once, f"an order of {len(order)} rows", f"each of {len(codes)} rows has one place", "pass a permutation of the rows")
        place = np.argsort(order)
    if not len(codes):
        return np.empty((0, codes.shape[1] + 1), np.int32)
    group = _groups(np.concatenate([earlier[:, :-1], codes]))
    free = np.zeros(int(group.max()) + 1, np.int64)  # the first free rank of each group
    np.maximum.at(free, group[: len(earlier)], earlier[:, -1] + 1)
    mine = group[len(earlier) :]
    by_group = np.lexsort((place, mine))
    ranks = np.empty(len(mine), np.int64)
    ranks[by_group] = place_in_group(mine[by_group])
    return np.concatenate([codes, (free[mine] + ranks)[:, None]], axis=1).astype(np.int32)


def spread_codes(quantiser: Spreadable, vectors: np.ndarray, taken: np.ndarray | None = None) -> np.ndarray:
    """Codes in which only items that collide have moved, to the nearest code of the last level that is free (LC-Rec, arXiv:2311.09049).

    Of the items with the same codes the closest keeps them. Then every other one asks for the nearest code that nobody
    has below its prefix of L - 1 codes; the closest of those who ask for one code gets it, the rest ask again. Where no
    code is left below a prefix, an item keeps the codes it had: ``unique_codes`` tells such items apart.

    Args:
        quantiser: A fitted one.
        vectors: float32[n, D].
        taken: int32[m, L], codes given out before; they stay with their items, even where a new item is closer.

    Returns:
        int32[n, L].

    Raises:
        InputError: ``taken`` has another number of levels.
    """
    codes = quantiser.encode(vectors).copy()
    earlier = _earlier(taken, codes.shape[1])
    everything = np.concatenate([earlier, codes])
    group = _groups(everything)
    mine = group[len(earlier) :]
    rows = np.flatnonzero(np.bincount(group)[mine] > 1)
    if not len(rows):
        return codes
    far = np.round(quantiser.last_distances(vectors[rows]), _DIGITS)
    by_group = np.lexsort((far[np.arange(len(rows)), codes[rows, -1]], mine[rows]))
    keeps = (place_in_group(mine[rows][by_group]) == 0) & ~np.isin(mine[rows][by_group], group[: len(earlier)])
    moving = np.sort(by_group[~keeps])
    rows, far = rows[moving], far[moving]

    # One line of the table a prefix that some row must leave its code under.
    prefix = _groups(everything[:, :-1])
    needed, line = np.unique(prefix[len(earlier) + rows], return_inverse=True)
    held = np.zeros((len(needed), far.shape[1]), bool)
    under = np.isin(prefix, needed)
    held[np.searchsorted(needed, prefix[under]), everything[under, -1]] = True
    while len(rows):
        far[held[line]] = np.inf
        wish = far.argmin(axis=1)
        distance = far[np.arange(len(rows)), wish]
        asked = line * far.shape[1] + wish
        by_code = np.lexsort((distance, asked))
        gets = np.zeros(len(rows), bool)
        gets[by_code] = place_in_group(asked[by_code]) == 0
        gets &= np.isfinite(distance)
        codes[rows[gets], -1] = wish[gets]
        held[line[gets], wish[gets]] = True
        again = ~gets & np.isfinite(distance)
        rows, far, line = rows[again], far[again], line[again]
    return codes


def place_in_group(groups: np.ndarray) -> np.ndarray:
    """int64[n], 0, 1, ... within each run of equal values of int[n]."""
    starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1])[: len(groups)])
    return np.arange(len(groups)) - np.repeat(starts, np.diff(np.append(starts, len(groups))))


def _earlier(taken: np.ndarray | None, levels: int) -> np.ndarray:
    earlier = np.empty((0, levels), np.int32) if taken is None else np.asarray(taken)
    fits = earlier.ndim == 2 and earlier.shape[1] == levels
    require(fits, f"taken of shape {earlier.shape}", f"these codes have {levels} levels", f"pass int32[m, {levels}]")
    return earlier


def _groups(codes: np.ndarray) -> np.ndarray:
    """int64[n], equal for equal rows of int[n, l]; 0 for all where l is 0."""
    if not codes.shape[1]:
        return np.zeros(len(codes), np.int64)
    return np.unique(codes, axis=0, return_inverse=True)[1].ravel()
