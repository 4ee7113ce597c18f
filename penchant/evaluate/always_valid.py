"""Intervals that may be looked at at any time, and as often as one likes.

An interval of fixed size holds with probability 1 - alpha at one moment that was fixed beforehand. Whoever looks every day and
stops when it excludes 0 is wrong far more often. A confidence sequence holds at all moments at once.

Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (Annals of Statistics, 2024), Theorem 2.2: Robbins' normal mixture with an estimated variance. Inverted it is the
mixture sequential probability ratio test of Johari, Koomen, Pekelis and Walsh, "Peeking at A/B tests" (KDD 2017). Like the
central limit theorem it speaks of many observations; with fewer than ``LEAST`` of a group nothing is said.

Letters: n units counted, r the mixture's width, T looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, sqrt

import numpy as np

from penchant.core.errors import require

LEAST = 20  # units of a group: with fewer a variance is a guess
BEST_AT = 1_000  # units at which intervals are narrowest, by default


@dataclass(frozen=True)
class Sequential:
    """An estimate, its interval among a sequence of them, and the evidence against 0.

    Attributes:
        estimate: As of now.
        low: End of the interval; minus infinity where there is too little to tell.
        high: The other end.
        p: Always-valid p: below alpha exactly where the interval excludes 0.
        units: Observations that it is made of.
    """

    estimate: float
    low: float
    high: float
    p: float
    units: int


def mixture_width(alpha: float = 0.05, best_at: int = BEST_AT) -> float:
    """The r that makes the interval narrowest after ``best_at`` units (the paper's appendix on choosing rho).

    Raises:
        InputError: alpha is outside 0..1, or ``best_at`` is below 1.
    """
    require(0 < alpha < 1, f"alpha={alpha}", "an error rate lies between 0 and 1", "pass for example alpha=0.05")
    require(best_at >= 1, f"best_at={best_at}", "an interval is made of at least one unit", "pass best_at>=1")
    return sqrt((-2 * log(alpha) + log(-2 * log(alpha) + 1)) / best_at)


def radius(deviation: float, n: int, alpha: float = 0.05, best_at: int = BEST_AT) -> float:
    """Half the width of the interval of a mean of n units (Theorem 2.2).

    Args:
        deviation: Standard deviation of one unit.
        n: Units, at least 1.
        alpha: Probability that the sequence ever misses.
        best_at: See ``mixture_width``.
    """
    spread = n * mixture_width(alpha, best_at) ** 2
    return deviation * sqrt(2 * (spread + 1) / (n * spread) * log(sqrt(spread + 1) / alpha))


def evidence(estimate: float, deviation: float, n: int, alpha: float = 0.05, best_at: int = BEST_AT) -> float:
    """Always-valid p against a mean of 0: one over the mixture's likelihood ratio, at most 1."""
    if deviation == 0:
        return 1.0 if estimate == 0 else 0.0
    spread = n * mixture_width(alpha, best_at) ** 2
    exponent = n * spread / (2 * (spread + 1)) * (estimate / deviation) ** 2
    return min(1.0, sqrt(spread + 1) * exp(-min(exponent, 700.0)))


def of_mean(values: np.ndarray, alpha: float = 0.05, best_at: int = BEST_AT) -> Sequential:
    """The mean of n units.

    Args:
        values: Finite float[n], in any order.
        alpha: See ``radius``.
        best_at: See ``mixture_width``.
    """
    n = len(values)
    mean = float(np.mean(values)) if n else 0.0
    if n < LEAST:
        return Sequential(mean, -inf, inf, 1.0, n)
    return _around(mean, float(np.std(values, ddof=1)), n, alpha, best_at)


def of_difference(treated: np.ndarray, control: np.ndarray, alpha: float = 0.05, best_at: int = BEST_AT) -> Sequential:
    """Mean of one group minus that of another, of units assigned at random.

    The difference is a mean of n = n1 + n0 influence values whose variance is n (s1^2 / n1 + s0^2 / n0), so the theorem holds
    for it, as the paper does with average treatment effects.

    Args:
        treated: Finite float[n1].
        control: Finite float[n0].
        alpha: See ``radius``.
        best_at: See ``mixture_width``; of both groups together.
    """
    n1, n0 = len(treated), len(control)
    estimate = (float(np.mean(treated)) if n1 else 0.0) - (float(np.mean(control)) if n0 else 0.0)
    if min(n1, n0) < LEAST:
        return Sequential(estimate, -inf, inf, 1.0, n1 + n0)
    variance = (n1 + n0) * (float(np.var(treated, ddof=1)) / n1 + float(np.var(control, ddof=1)) / n0)
    return _around(estimate, sqrt(variance), n1 + n0, alpha, best_at)


def looks(values: np.ndarray, treated: np.ndarray, at: np.ndarray, alpha: float = 0.05, best_at: int = BEST_AT) -> list[Sequential]:
    """The difference as it stood after each of T numbers of units.

    Args:
        values: Finite float[n], in the order in which units were counted.
        treated: bool[n]: of the group that is compared; the others are the control.
        at: int[T], numbers of units, ascending, at most n.
        alpha: See ``radius``.
        best_at: See ``mixture_width``.
    """
    return [of_difference(values[:n][treated[:n]], values[:n][~treated[:n]], alpha, best_at) for n in at.tolist()]


def _around(estimate: float, deviation: float, n: int, alpha: float, best_at: int) -> Sequential:
    half = radius(deviation, n, alpha, best_at)
    return Sequential(estimate, estimate - half, estimate + half, evidence(estimate, deviation, n, alpha, best_at), n)
