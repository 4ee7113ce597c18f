"""Less noise from what was known before: outcomes less what a covariate of the time before already foretold.

Source: Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment
data" (WSDM 2013), section 3: Y - theta (X - mean X) with theta = cov(Y, X) / var(X) has the mean of Y, and its variance
times 1 - rho^2. The covariate must not know of the treatment, so it ends before the first exposure.

Letters: n units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require


@dataclass(frozen=True)
class Adjusted:
    """Outcomes with less noise.

    Attributes:
        values: float64[n], of the same mean as the outcomes.
        theta: What one of the covariate foretells of the outcome.
        correlation: rho; the variance is 1 - rho^2 of what it was.
    """

    values: np.ndarray
    theta: float
    correlation: float


def adjusted(outcomes: np.ndarray, covariate: np.ndarray) -> Adjusted:
    """The outcomes of all groups together, adjusted by one theta.

    Args:
        outcomes: Finite float[n], Y.
        covariate: Finite float[n], X, known before the treatment. One that is the same for all changes nothing.

    Raises:
        InputError: The two differ in length.
    """
    require(
        len(outcomes) == len(covariate),
        f"{len(outcomes)} outcomes and {len(covariate)} covariates",
        "each unit has one of both",
        "pass a covariate for each unit",
    )
    y, x = np.asarray(outcomes, np.float64), np.asarray(covariate, np.float64)
    if len(y) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Adjusted(y, 0.0, 0.0)
    centred = x - x.mean()
    theta = float(centred @ (y - y.mean()) / (centred @ centred))
    return Adjusted(y - theta * centred, theta, float(np.corrcoef(y, x)[0, 1]))
