"""Balanced assignment: each row to a centre that is near, no centre taking more rows than it has room for.

Sinkhorn's algorithm finds a price a centre at which the rows spread by themselves (Cuturi, NeurIPS 2013, in logarithms; centres have
room for at most so many rows, not exactly so many, as in Benamou et al., SIAM J. Sci. Comput. 2015, section 5.2). What is left over at
these prices is settled in rounds, so that no centre is ever overfull.

Letters: n rows, K centres.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require
from penchant.items.collisions import place_in_group

_LEAST = -80.0  # exp of less is slow to compute and too little to matter
_FIRST = 0.1  # the softness that unwarmed prices start from


def balanced(
    costs: np.ndarray, room: np.ndarray, prices: np.ndarray | None = None, *, iterations: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of small total cost within the room there is, and the prices that led to them.

    Args:
        costs: float[n, K], finite.
        room: int[K], rows each centre can take; together at least n.
        prices: float32[K], of a similar problem solved before: fewer iterations will do.
        iterations: Of Sinkhorn; 0 leaves all to the rounds.

    Returns:
        int32[n] and float32[K], in units of costs.

    Raises:
        InputError: The shapes do not fit, or there is not room for all.
    """
    fits = costs.ndim == 2 and room.shape == costs.shape[1:] and bool((room >= 0).all())
    require(fits, f"room of shape {room.shape}", f"costs have shape {costs.shape}", "pass int[K], one number >= 0 a centre")
    require(int(room.sum()) >= len(costs), f"room for {room.sum()}", f"there are {len(costs)} rows", "give the centres more room")
    if not len(costs):
        return np.empty(0, np.int32), np.zeros(len(room), np.float32)
    paid = sinkhorn_prices(costs, room, prices, iterations=iterations)
    return _settle(costs + paid, room), paid


def sinkhorn_prices(
    costs: np.ndarray, room: np.ndarray, prices: np.ndarray | None = None, *, softness: float = 0.003, iterations: int = 50
) -> np.ndarray:
    """The price of each centre, at which a soft choice of the cheapest centre loads none beyond its room.

    Args:
        costs: float[n, K], finite, n >= 1.
        room: int[K].
        prices: float32[K] to start from.
        softness: Of the choice, as a share of half the range of costs (LC-Rec's epsilon).
        iterations: Without ``prices`` to start from, the first half of them goes down to ``softness`` in steps.

    Returns:
        float32[K], >= 0; a centre with room to spare is free.
    """
    low = float(costs.min())
    scale = (float(costs.max()) - low) / 2 or 1.0
    scaled = ((costs - low) / scale).astype(np.float32)
    paid = np.zeros(len(room), np.float32) if prices is None else (prices / scale).astype(np.float32)
    limit = np.log(np.maximum(room, 1e-6)).astype(np.float32)
    steps = np.full(iterations, softness, np.float32)
    if prices is None:
        steps[: iterations // 2] = np.geomspace(max(_FIRST, softness), softness, iterations // 2)
    soft = np.empty_like(scaled)
    for step in steps:
        np.add(scaled, paid, out=soft)
        np.subtract(soft.min(axis=1, keepdims=True), soft, out=soft)
        soft /= step
        np.maximum(soft, _LEAST, out=soft)
        np.exp(soft, out=soft)
        load = (1 / soft.sum(axis=1)) @ soft  # rows choose softly; a load too small for float32 counts as the smallest number
        paid = np.maximum(0, paid + step * (np.log(np.maximum(load, np.finfo(np.float32).tiny)) - limit))
    return paid * np.float32(scale)


def _settle(costs: np.ndarray, room: np.ndarray) -> np.ndarray:
    """int32[n]: rows ask for their cheapest centre; a centre takes those with most to lose; the others ask again where there is room."""
    codes = np.full(len(costs), -1, np.int32)
    left, room = np.arange(len(costs)), room.astype(np.int64)
    costs = np.where(room > 0, costs, np.inf)
    while len(left):
        first = costs.argmin(axis=1)
        if costs.shape[1] > 1:
            two = np.partition(costs, 1, axis=1)[:, :2]
            loss = two[:, 1] - two[:, 0]
        else:
            loss = np.zeros(len(left))
        order = np.lexsort((left, -loss, first))
        taken = order[place_in_group(first[order]) < room[first[order]]]
        codes[left[taken]] = first[taken]
        room -= np.bincount(first[taken], minlength=len(room))
        rest = np.setdiff1d(np.arange(len(left)), taken, assume_unique=True)
        left, costs = left[rest], costs[rest]
        costs[:, room == 0] = np.inf
    return codes
