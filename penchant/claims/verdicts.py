"""Did it hold? A paired bootstrap over users and seeds, and one rule for every claim.

The value compared is ``subject - rival - margin x rival``, oriented so that more is better. Users are drawn with
replacement, the same ones for both arms; the seeds of each arm are drawn apart from the other's, as seed 1 of one arm
has nothing in common with seed 1 of the other. A claim of n comparisons is judged at 0.05 / (all comparisons of all
claims), Bonferroni's correction, so that the whole atlas errs once in twenty.

    held        every comparison's corrected interval lies above 0
    not held    some comparison's corrected interval lies below 0
    undecided   neither: more users or seeds could tell

Letters: S seeds, R users (rows), D draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.evaluate.significance import Resampling, bootstrap_means

ALPHA = 0.05
DRAWS = 20_000


class Outcome(StrEnum):
    """What a run says of a claim."""

    HELD = "held"
    NOT_HELD = "not held"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Comparison:
    """Subject against one other arm.

    Attributes:
        other: Name of the other arm.
        difference: Mean of subject - other, more is better.
        interval: Its 95% interval.
        needed: What the difference has to exceed: margin x the other's mean.
        corrected: Interval of (difference - needed) at the level that is corrected for all comparisons.
        relative: Difference / the other's mean; nan where that is 0.
        outcome: Of this comparison alone.
    """

    other: str
    difference: float
    interval: tuple[float, float]
    needed: float
    corrected: tuple[float, float]
    relative: float
    outcome: Outcome


def compare(
    subject: np.ndarray, other: np.ndarray, *, name: str, margin: float = 0.0, lower: bool = False, comparisons: int = 1, draws: int = DRAWS
) -> Comparison:
    """Judge one comparison.

    Args:
        subject: float[S, R], the metric of the subject, a row a seed.
        other: float[S', R], the same users.
        name: Of the other arm.
        margin: Share of the other's value by which the subject has to be ahead.
        lower: Whether less is better.
        comparisons: How many are judged in all, for the correction.
        draws: D.

    Raises:
        InputError: The users differ in number, or there are none.
    """
    require(
        subject.ndim == other.ndim == 2 and subject.shape[1] == other.shape[1] > 0 and min(len(subject), len(other)) > 0,
        f"values {subject.shape} and {other.shape}",
        "both arms are measured for the same users, a row a seed",
        "evaluate both on the same targets",
    )
    sign = -1.0 if lower else 1.0
    first, second = bootstrap(subject, other, draws)
    need = margin * second  # of the same draw, so that a relative margin is judged as a ratio
    gaps = sign * (first - second)
    difference = sign * float(subject.mean() - other.mean())
    base = float(other.mean())
    low, high = np.quantile(gaps, [ALPHA / 2, 1 - ALPHA / 2])
    tail = ALPHA / 2 / max(1, comparisons)
    under, over = np.quantile(gaps - need, [tail, 1 - tail])
    outcome = Outcome.HELD if under > 0 else Outcome.NOT_HELD if over < 0 else Outcome.UNDECIDED
    return Comparison(
        other=name,
        difference=difference,
        interval=(float(low), float(high)),
        needed=margin * base,
        corrected=(float(under), float(over)),
        relative=difference / base if base else float("nan"),
        outcome=outcome,
    )


def bootstrap(first: np.ndarray, second: np.ndarray, draws: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """float64[D] twice: means of the two arms over the same drawn users, and over seeds drawn for each arm.

    With S seeds a draw of seeds varies by (S - 1) / S of what it should; the spread around the mean of seeds is widened
    by sqrt(S / (S - 1)) to make up for it.
    """
    random = generator(seed, draws, first.shape[1])
    means = bootstrap_means(np.concatenate([first, second]).T.astype(np.float32), Resampling(resamples=draws, seed=seed))
    return _over_seeds(means[:, : len(first)], random), _over_seeds(means[:, len(first) :], random)


def _over_seeds(means: np.ndarray, random: np.random.Generator) -> np.ndarray:
    draws, seeds = means.shape
    centre = means.mean(axis=1)
    if seeds == 1:
        return centre
    shares = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    return centre + ((shares * means).sum(axis=1) - centre) * np.sqrt(seeds / (seeds - 1))


def interval(values: np.ndarray, draws: int = 2_000) -> tuple[float, float]:
    """The 95% interval of one arm's mean, over users and seeds, from float[S, R]."""
    drawn, _ = bootstrap(values, values[:1], draws)
    low, high = np.quantile(drawn, [ALPHA / 2, 1 - ALPHA / 2])
    return float(low), float(high)


def outcome(found: Sequence[Comparison]) -> Outcome:
    """Of a claim: held if all its comparisons held, not held if one did not, else undecided."""
    all_of = {one.outcome for one in found}
    if all_of == {Outcome.HELD}:
        return Outcome.HELD
    return Outcome.NOT_HELD if Outcome.NOT_HELD in all_of else Outcome.UNDECIDED
