"""What another policy would have earned, from what one that chose at random in part was seen to earn.

Each decision has the probability with which it was made; one that the other policy would make more often counts more.

Sources: inverse propensity scores, Horvitz and Thompson (JASA 1952); self-normalised, Swaminathan and Joachims, "The
self-normalized estimator for counterfactual learning" (NeurIPS 2015); doubly robust, Dudik, Langford and Li, "Doubly robust
policy evaluation and learning" (ICML 2011); clipped weights, Ionides, "Truncated importance sampling" (2008); effective sample
size, Kish, "Survey sampling" (1965).

Letters: n decisions, m of them to a unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.core.errors import require
from penchant.evaluate.ratio import linearised

FEW = 100.0  # decisions' worth of weight: with less an estimate hangs on a handful of them


@dataclass(frozen=True)
class OffPolicy:
    """Estimates of the mean reward of a decision under the other policy.

    Attributes:
        ips: Inverse propensity scores; without bias where no weight was clipped.
        snips: The same, normalised by the sum of weights: less noise, little bias.
        doubly_robust: Right where the propensities or the reward model are.
        low: End of the 95% interval of ``snips``, over units.
        high: The other end.
        decisions: n.
        effective: Decisions that all the weights are worth, (sum w)^2 / sum w^2.
        clipped: Share of decisions whose weight was cut.
    """

    ips: float
    snips: float
    doubly_robust: float
    low: float
    high: float
    decisions: int
    effective: float
    clipped: float

    @property
    def warning(self) -> str | None:
        """Why not to trust it, where there is a reason."""
        if self.effective < FEW:
            return f"the weights are worth {self.effective:.0f} decisions of {self.decisions}: too few to trust"
        return f"{self.clipped:.0%} of the weights were cut: expect a bias" if self.clipped > 0.01 else None


def off_policy(
    rewards: np.ndarray,
    logged: np.ndarray,
    target: np.ndarray,
    *,
    expected: np.ndarray | None = None,
    expected_target: np.ndarray | None = None,
    units: np.ndarray | None = None,
    most: float | None = None,
) -> OffPolicy:
    """Estimate the value of a policy.

    Args:
        rewards: float[n], of the decisions that were made.
        logged: float[n], the probability of each, above 0.
        target: float[n], the probability that the other policy makes the same decision.
        expected: float[n], what a model expects of the decision that was made; 0 by default.
        expected_target: float[n], what it expects under the other policy; ``expected`` by default.
        units: int[n], whose decisions these are: the interval takes them as independent. Each its own by default.
        most: Weights above are cut; none by default.

    Raises:
        InputError: There are no decisions, lengths differ, or a probability is outside (0, 1].
    """
    n = len(rewards)
    require(
        n > 0 and all(len(one) == n for one in (logged, target)),
        f"{n} rewards, {len(logged)} and {len(target)} probabilities",
        "each decision has one of all three, and there is at least one",
        "log the propensity of every decision",
    )
    require(
        float(np.min(logged)) > 0 and float(np.max(logged)) <= 1 and float(np.min(target)) >= 0 and float(np.max(target)) <= 1,
        "a probability outside 0..1",
        "a decision that was made had a probability above 0",
        "log propensities as they were",
    )
    r, weights = np.asarray(rewards, np.float64), np.asarray(target, np.float64) / logged
    cut = np.zeros(n, bool) if most is None else weights > most
    weights = weights if most is None else np.minimum(weights, most)
    total = float(weights.sum())
    model = np.zeros(n) if expected is None else np.asarray(expected, np.float64)
    under = model if expected_target is None else np.asarray(expected_target, np.float64)
    snips = float(weights @ r) / total if total else 0.0
    half = _half_width(weights * r, weights, units) if total else np.inf
    return OffPolicy(
        ips=float(weights @ r) / n,
        snips=snips,
        doubly_robust=float((under + weights * (r - model)).mean()),
        low=snips - half,
        high=snips + half,
        decisions=n,
        effective=total**2 / float(weights @ weights) if total else 0.0,
        clipped=float(cut.mean()),
    )


def _half_width(earned: np.ndarray, weights: np.ndarray, units: np.ndarray | None) -> float:
    """1.96 standard errors of the ratio of sums, by units."""
    owner = np.arange(len(earned)) if units is None else np.unique(units, return_inverse=True)[1]
    values = linearised(np.bincount(owner, earned), np.bincount(owner, weights))
    return 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else np.inf
