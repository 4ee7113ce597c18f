"""Codes without meaning, of the same shape: what semantic IDs have to beat."""

from __future__ import annotations

import numpy as np

from penchant.core.seeds import generator


def shuffled(codes: np.ndarray, seed: int = 0) -> np.ndarray:
    """int[N + 1, L] with the rows of the items in random order; row 0 stays.

    The vocabulary, how often each code and each prefix occurs, and how many items collide are the same; only that alike
    items have alike codes is lost.
    """
    return np.concatenate([codes[:1], codes[1:][generator(seed).permutation(len(codes) - 1)]])
