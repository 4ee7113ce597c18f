"""Whether groups have the sizes they should have, looked at after each unit.

Where 50.0 % of users should see an arm and 50.6 % did, something loses users of one arm, and no number of the experiment can be
trusted: the most common sign of a broken experiment.

Source: Lindon and Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022): the Bayes factor of
a Dirichlet against the shares that were meant is a martingale where these are true, so one over it is an always-valid p.

Letters: G groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import numpy as np
from scipy.special import gammaln

from penchant.core.errors import require

ALARM = 0.001  # p below which there is an alarm: a false one would stop a good experiment
_PRIOR = 100.0  # units that the meant shares are worth, against those that are seen


def mismatch(counts: Sequence[int], shares: Sequence[float]) -> float:
    """Always-valid p that the groups have the shares that were meant; small is bad.

    Args:
        counts: int[G], units of each group.
        shares: float[G], above 0, that were meant; they are taken as parts of their sum.

    Raises:
        InputError: A count is negative, a share is not above 0, or the numbers of groups differ.
    """
    require(
        len(counts) == len(shares) and min(shares, default=0.0) > 0 and min(counts, default=-1) >= 0,
        f"counts {list(counts)} of shares {list(shares)}",
        "each group has a count and a share above 0",
        "pass one of both for each group",
    )
    n, meant = np.asarray(counts, np.float64), np.asarray(shares, np.float64) / sum(shares)
    prior = _PRIOR * meant
    for_other = gammaln(_PRIOR) - gammaln(_PRIOR + n.sum()) + float((gammaln(prior + n) - gammaln(prior)).sum())
    return exp(-max(0.0, float(for_other - n @ np.log(meant))))
