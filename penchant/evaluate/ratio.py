"""Ratios of sums, such as clicks a list, where a unit (a user) gives to both: their spread by the delta method.

Source: Deng, Knoblich and Lu, "Applying the delta method in metric analytics" (KDD 2018), section 3.

Letters: n units.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require


def linearised(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """float64[n] whose mean is sum(numerators) / sum(denominators), and whose variance is the delta method's.

    So whatever takes values of units takes ratios, too.

    Args:
        numerators: float[n], of each unit.
        denominators: float[n], not all 0.

    Raises:
        InputError: The denominators sum to 0, or the lengths differ.
    """
    require(
        len(numerators) == len(denominators) and float(np.sum(denominators)) != 0,
        f"{len(numerators)} numerators over a sum of {float(np.sum(denominators)):g}",
        "a ratio has as many of both, and something to divide by",
        "leave it out until there is something",
    )
    ratio = float(np.sum(numerators)) / float(np.sum(denominators))
    return ratio + (np.asarray(numerators, np.float64) - ratio * denominators) / float(np.mean(denominators))
