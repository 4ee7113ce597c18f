"""Vectors of titles alone, for recipes that tell titles from the rest of an item's text."""

from __future__ import annotations

import numpy as np

from penchant.claims.lab import Lab
from penchant.core.errors import InputError


def title_vectors(lab: Lab) -> np.ndarray:
    """float32[N + 1, D], unit vectors of titles, or of ids where an item has none; row 0 is zero.

    Args:
        lab: Opened with an encoder.

    Raises:
        InputError: It was not.
    """
    if lab.encoder is None:
        raise InputError("encoder=None", "text vectors need an encoder", "open the lab with one")
    found = lab.encoder().encode(lab.catalog.titles())
    return np.concatenate([np.zeros((1, found.shape[1]), np.float32), found])
