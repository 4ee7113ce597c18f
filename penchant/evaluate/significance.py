"""How sure a number is: bootstrap intervals, paired differences, and the correction for asking often.

Rows (users) are what is drawn, so everything here speaks about other users from the same population. It does not
speak about other training seeds.

Letters: R rows, M metrics, S resamples, F sign flips, G distinct rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import erfc, sqrt

import numpy as np
import polars as pl
from pydantic import Field

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.core.settings import Settings

_BLOCK = 1 << 22  # cells (resamples x rows) held at once
_NORMAL = 5_000  # with more differing rows the sum of flipped differences (each at most 1) is as good as normal


class Resampling(Settings):
    """How often to draw, and what to call sure."""

    level: float = Field(default=0.95, gt=0, lt=1, description="Share of intervals that should hold the true mean.")
    resamples: int = Field(default=2_000, ge=100, description="Bootstrap resamples, S.")
    flips: int = Field(default=10_000, ge=100, description="Sign flips of the paired test, F.")
    alpha: float = Field(default=0.05, gt=0, lt=1, description="A difference is called better or worse below this adjusted p.")
    seed: int = Field(default=0, description="Same seed, same intervals.")


@dataclass(frozen=True)
class Interval:
    """A mean over rows and its percentile bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """First minus second, on the same rows.

    Attributes:
        mean: The mean difference and its interval (of this comparison alone, not adjusted for others).
        p: Two-sided p of the paired sign-flip test, before any correction.
    """

    mean: Interval
    p: float


class Verdict(StrEnum):
    """What a paired comparison allows to say about the first against the second."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "not distinguishable"


def intervals(values: Mapping[str, np.ndarray], how: Resampling | None = None) -> dict[str, Interval]:
    """Percentile bootstrap intervals of the mean, of many metrics at once on the same resamples.

    Args:
        values: Finite float[R] by name, R >= 1.
        how: Resamples, level and seed.
    """
    how = how or Resampling()
    if not values:
        return {}
    table = np.stack([np.asarray(column, np.float32) for column in values.values()], axis=1)
    _check(table)
    means = table.mean(axis=0, dtype=np.float64)
    tail = (1 - how.level) / 2
    low, high = np.quantile(bootstrap_means(table, how), (tail, 1 - tail), axis=0)
    return {name: Interval(float(means[j]), float(low[j]), float(high[j])) for j, name in enumerate(values)}


def bootstrap_means(table: np.ndarray, how: Resampling) -> np.ndarray:
    """float64[S, M], the means of float32[R, M] over S draws of R rows with replacement.

    Rows that are equal are drawn together: how often each of G distinct rows is drawn is a multinomial, so the result
    has the same distribution, and one-target rankings have few distinct rows.
    """
    rng = generator(how.seed, len(table))
    size = len(table)
    first, count = _distinct_rows(table)
    if len(first) * 32 < size:
        drawn = rng.multinomial(size, count / size, size=how.resamples)
        return drawn.astype(np.float32) @ table[first].astype(np.float64) / size
    means = np.empty((how.resamples, table.shape[1]))
    step = max(1, _BLOCK // size)
    for start in range(0, how.resamples, step):
        rows = min(step, how.resamples - start)
        draws = rng.integers(0, size, size=(rows, size), dtype=np.int32)
        counts = np.stack([np.bincount(row, minlength=size) for row in draws]).astype(np.float32)
        means[start : start + rows] = counts @ table / size
    return means


def compare(first: np.ndarray, second: np.ndarray, how: Resampling | None = None) -> Difference:
    """The paired difference of two models on the same rows.

    The interval is a bootstrap of the rows' differences. The test flips the sign of each row's difference at random,
    as it could be if the two models were exchangeable for every row. ``compare(b, a)`` mirrors ``compare(a, b)``.

    Args:
        first: float[R], one metric of one model.
        second: float[R], the same metric of the other, row for row.
        how: Resamples, flips, level and seed.

    Raises:
        InputError: The two differ in length, are empty or are not finite.
    """
    how = how or Resampling()
    require(
        len(first) == len(second),
        f"{len(first)} and {len(second)} rows",
        "a paired comparison needs the same rows",
        "evaluate both on the same targets",
    )
    difference = np.asarray(first, np.float32) - np.asarray(second, np.float32)
    return Difference(mean=intervals({"difference": difference}, how)["difference"], p=sign_flip(difference, how))


def sign_flip(difference: np.ndarray, how: Resampling | None = None) -> float:
    """Two-sided p: how often random signs make a sum at least as far from 0 as the one seen; (1 + count) / (1 + F).

    Rows without a difference have no say. With more than 5,000 others the normal limit is used instead of flips.
    """
    how = how or Resampling()
    values = difference[difference != 0].astype(np.float32)
    if len(values) == 0:
        return 1.0
    total = float(values.sum(dtype=np.float64))
    if len(values) > _NORMAL:
        return erfc(abs(total) / sqrt(2 * float(np.square(values, dtype=np.float64).sum())))
    rng = generator(how.seed, len(values), how.flips)
    reached, slack = 0, 1e-6 * float(np.abs(values).sum(dtype=np.float64))  # rounding must not break ties
    step = max(1, _BLOCK // len(values))
    for start in range(0, how.flips, step):
        rows = min(step, how.flips - start)
        bits = np.unpackbits(rng.integers(0, 256, size=(rows, (len(values) + 7) // 8), dtype=np.uint8), axis=1, count=len(values))
        sums = 2 * (bits.astype(np.float32) @ values) - total
        reached += int((np.abs(sums) >= abs(total) - slack).sum())
    return (1 + reached) / (1 + how.flips)


def holm(ps: Sequence[float] | np.ndarray) -> np.ndarray:
    """float64[n], Holm's adjusted p values in the given order: with n questions asked, they may be held against alpha."""
    ps = np.asarray(ps, np.float64)
    order = np.argsort(ps, kind="stable")
    stepped = np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1))
    adjusted = np.empty_like(ps)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


def verdict(difference: float, adjusted_p: float, alpha: float = 0.05) -> Verdict:
    """What to say of a mean difference (higher is better) with an adjusted p."""
    if adjusted_p >= alpha or difference == 0:
        return Verdict.SAME
    return Verdict.BETTER if difference > 0 else Verdict.WORSE


def _distinct_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of the first of each distinct row, and how many rows equal it, in order of first occurrence."""
    frame = pl.from_numpy(table, schema=[f"m{j}" for j in range(table.shape[1])])
    groups = frame.with_row_index("row").group_by(frame.columns, maintain_order=True).agg(pl.col("row").first(), pl.len().alias("count"))
    return groups["row"].to_numpy(), groups["count"].to_numpy()


def _check(table: np.ndarray) -> None:
    require(len(table) > 0, "0 rows", "a mean needs at least one row", "evaluate on at least one user")
    require(
        bool(np.isfinite(table).all()), "a value that is not finite", "intervals are of finite numbers", "leave rows without a value out"
    )
