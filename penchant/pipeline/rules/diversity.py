"""Diversity: the order in which candidates are taken when likeness counts against them.

Letters: C candidates, D vector width, m places that are filled so; the other candidates follow by score.
"""

from __future__ import annotations

import numpy as np

_LEAST = 1e-6  # of a squared volume: below it, a candidate is made of what was taken


def relevance(scores: np.ndarray) -> np.ndarray:
    """float32[C], scores from 0 (the lowest) to 1 (the highest); all 1 where they are equal."""
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    return (scores - low) / (high - low) if high > low else np.ones(len(scores), np.float32)


def mmr_order(scores: np.ndarray, unit: np.ndarray, weight: float, m: int) -> np.ndarray:
    """Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each place takes the candidate with the largest
    (1 - weight) * relevance - weight * (largest cosine with what stands above).

    Args:
        scores: float32[C], best first.
        unit: float32[C, D], vectors of length 1.
        weight: Of being different, 0..1.
        m: Places.

    Returns:
        int64[C], candidates in their new order; of equal ones, the one that came first stays first.
    """
    value = (1 - weight) * relevance(scores)
    cosines = unit @ unit.T
    nearest = np.full(len(scores), -np.inf, np.float32)
    waiting = np.ones(len(scores), bool)
    taken: list[int] = []
    for _ in range(min(m, len(scores))):
        gain = value if not taken else value - weight * nearest
        pick = int(np.argmax(np.where(waiting, gain, -np.inf)))
        taken.append(pick)
        waiting[pick] = False
        nearest = np.maximum(nearest, cosines[pick])
    return np.concatenate([np.array(taken, np.int64), np.flatnonzero(waiting)])


def dpp_order(scores: np.ndarray, unit: np.ndarray, weight: float, m: int) -> np.ndarray:
    """Greedy MAP of a determinantal point process (Chen, Zhang and Zhou, NeurIPS 2018, Algorithm 1): each place takes the
    candidate that raises (1 - weight) * sum of relevance + weight * log det(cosines) the most.

    The kernel's Cholesky factor grows by a row a place, so a place costs C * (places so far). A candidate without a
    vector is like nothing.

    Args:
        scores: float32[C], best first.
        unit: float32[C, D], vectors of length 1.
        weight: Of being different, 0..1.
        m: Places.

    Returns:
        int64[C], as ``mmr_order``. Where nothing is left that adds volume, the rest follows by score.
    """
    value = (1 - weight) * relevance(scores)
    cosines = unit @ unit.T
    volume = np.ones(len(scores))  # what each candidate adds to the squared volume
    factor = np.zeros((min(m, len(scores)), len(scores)))
    waiting = np.ones(len(scores), bool)
    taken: list[int] = []
    for place in range(len(factor)):
        free = waiting & (volume > _LEAST) if weight else waiting
        if not free.any():
            break
        pick = int(np.argmax(np.where(free, value + weight * np.log(np.maximum(volume, _LEAST)), -np.inf)))
        taken.append(pick)
        waiting[pick] = False
        if volume[pick] > _LEAST:
            row = (cosines[pick] - factor[:place, pick] @ factor[:place]) / np.sqrt(volume[pick])
            factor[place] = row
            volume = volume - row**2
    return np.concatenate([np.array(taken, np.int64), np.flatnonzero(waiting)])
