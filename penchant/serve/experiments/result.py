"""From the units of an experiment to what they allow to say."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np

from penchant.evaluate.always_valid import Sequential, looks, of_difference, of_mean
from penchant.evaluate.cuped import adjusted
from penchant.evaluate.off_policy import off_policy
from penchant.evaluate.sample_ratio import ALARM, mismatch
from penchant.serve.experiments.answers import (
    ArmOut,
    ComparisonOut,
    ExperimentOut,
    GuardrailOut,
    IntervalOut,
    LookOut,
    OffPolicyOut,
    ResultOut,
    ShadowOut,
    Verdict,
)
from penchant.serve.experiments.assignment import BOTH
from penchant.serve.experiments.definition import Arm, Experiment, Metric
from penchant.serve.experiments.readings import Unit
from penchant.serve.experiments.registry import Record

_LOOKS = 40  # moments at which the interval is told
_MOST_WEIGHT = 20.0  # of a decision in an off-policy estimate


def result(record: Record, units: Sequence[Unit], now: float, shadows: Sequence[ShadowOut] = ()) -> ResultOut:
    """All that an experiment shows.

    Args:
        record: The experiment.
        units: In the order of their first lists.
        now: UTC seconds.
        shadows: What is known of arms that nobody sees.
    """
    experiment = record.experiment
    counted = [unit for unit in units if unit.values is not None]
    mixed = experiment.kind == "interleave"
    arms = [_arm(arm.name, None if mixed else arm.share, units) for arm in ([] if mixed else experiment.shown)]
    arms += [_arm(BOTH, None, units)] if mixed else []
    others = [] if mixed else experiment.shown[1:]
    ratio = mismatch([arm.users for arm in arms], [arm.share for arm in experiment.shown]) if others else None
    comparisons = [_compared(experiment, arm, metric, counted) for arm in others for metric in experiment.metrics]
    preference = of_mean(np.array([unit.preferred for unit in counted]), experiment.alpha) if mixed else None
    guardrails = _guardrails(experiment, others, counted)
    alarm = ratio is not None and ratio < ALARM
    decided = [(one.arm, one.adjusted) for one in comparisons if one.metric == experiment.metrics[0].name]
    if preference is not None:
        decided = [(experiment.shown[1].name, _interval(preference))]
    verdict, meaning = _verdict(experiment, decided, guardrails, alarm)
    return ResultOut(
        experiment=ExperimentOut.of(record, now),
        verdict=verdict,
        meaning=meaning,
        arms=arms,
        sample_ratio=ratio,
        alarm=alarm,
        comparisons=comparisons,
        preference=None if preference is None else _interval(preference),
        guardrails=guardrails,
        shadows=list(shadows),
    )


def broken(found: ResultOut) -> str | None:
    """Why an experiment should end at once; None where nothing speaks for it."""
    worst = next((one for one in found.guardrails if one.state == "broken"), None)
    return None if worst is None else f"{worst.metric} is worse than the margin of {worst.margin:g} in {worst.arm!r}"


def _arm(name: str, share: float | None, units: Sequence[Unit]) -> ArmOut:
    mine = [unit for unit in units if unit.arm == name]
    counted = [unit.values for unit in mine if unit.values is not None]
    names = counted[0] if counted else ()
    return ArmOut(
        name=name,
        share=share,
        users=len(mine),
        counted=len(counted),
        lists=sum(unit.lists for unit in mine),
        metrics={metric: float(np.mean([values[metric] for values in counted])) for metric in names},
        off_policy=_without_exploring(mine),
    )


def _without_exploring(units: Sequence[Unit]) -> OffPolicyOut | None:
    """What the arm would bring if it showed at each place what it shows there most often.

    Only of that item it is known without asking the arm again: its propensity is above a half.
    """
    places = [len(unit.rewards) for unit in units]
    if not sum(places):
        return None
    rewards = np.concatenate([unit.rewards for unit in units])
    logged = np.concatenate([unit.propensities for unit in units])
    known = (logged > 0) & (logged <= 1)
    if not known.any():
        return None
    rewards, logged = rewards[known], logged[known]
    expected = np.full(len(rewards), rewards.mean())
    found = off_policy(
        rewards,
        logged,
        (logged > 0.5).astype(float),
        expected=expected,
        units=np.repeat(np.arange(len(units)), places)[known],
        most=_MOST_WEIGHT,
    )
    return OffPolicyOut(
        ips=found.ips,
        snips=found.snips,
        doubly_robust=found.doubly_robust,
        low=_finite(found.low),
        high=_finite(found.high),
        decisions=found.decisions,
        effective=found.effective,
        warning=found.warning,
    )


def _pair(metric: str, arm: Arm, control: Arm, counted: Sequence[Unit]) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Unit]]:
    """Values, covariates, and who saw ``arm``, of the users of two arms."""
    both = [unit for unit in counted if unit.arm in (arm.name, control.name)]
    values = np.array([unit.values[metric] for unit in both if unit.values is not None], float)
    return values, np.array([unit.before for unit in both]), np.array([unit.arm == arm.name for unit in both], bool), both


def _compared(experiment: Experiment, arm: Arm, metric: Metric, counted: Sequence[Unit]) -> ComparisonOut:
    values, before, treated, both = _pair(metric.name, arm, experiment.control, counted)
    alpha = experiment.alpha / (len(experiment.shown) - 1)  # Bonferroni: each further arm is a further chance to be wrong
    less = adjusted(values, before)
    plain, better = (of_difference(one[treated], one[~treated], alpha) for one in (values, less.values))
    mean = float(values[~treated].mean()) if (~treated).any() else 0.0
    path: list[LookOut] = []
    if metric is experiment.metrics[0] and both:
        at = np.unique(np.linspace(1, len(both), _LOOKS).astype(int))
        found = zip(at.tolist(), looks(less.values, treated, at, alpha), strict=True)
        path = [LookOut(at=both[n - 1].first + experiment.window, interval=_interval(look)) for n, look in found if look.low > -inf]
    return ComparisonOut(
        arm=arm.name,
        metric=metric.name,
        difference=_interval(plain),
        adjusted=_interval(better),
        correlation=less.correlation,
        relative=better.estimate / mean if mean else None,
        looks=path,
    )


def _guardrails(experiment: Experiment, others: Sequence[Arm], counted: Sequence[Unit]) -> list[GuardrailOut]:
    higher = {metric.name: metric.better == "higher" for metric in experiment.metrics}
    found: list[GuardrailOut] = []
    for guard in experiment.guardrails:
        for arm in others:
            values, _, treated, _ = _pair(guard.metric, arm, experiment.control, counted)
            change = of_difference(values[treated], values[~treated], experiment.alpha)
            low, high = (change.low, change.high) if higher.get(guard.metric, False) else (-change.high, -change.low)
            state = "broken" if high < -guard.margin else "holds" if low > -guard.margin else "not known yet"
            found.append(GuardrailOut(arm=arm.name, metric=guard.metric, margin=guard.margin, difference=_interval(change), state=state))
    return found


def _verdict(
    experiment: Experiment, decided: Sequence[tuple[str, IntervalOut]], guardrails: Sequence[GuardrailOut], alarm: bool
) -> tuple[Verdict, str]:
    metric, control = experiment.metrics[0], experiment.control.name
    if alarm:
        return "not to be trusted", "The arms do not have the shares that were meant: something loses users of one arm. Find that first."
    if any(one.state == "broken" for one in guardrails):
        one = next(one for one in guardrails if one.state == "broken")
        return "a guardrail is broken", f"{one.metric} is worse in {one.arm} by more than the margin of {one.margin:g}: do not keep it."
    if not decided:
        return "no difference shown yet", "One arm is shown, so there is nothing to compare."
    known = [(arm, one, one.low, one.high) for arm, one in decided if one.low is not None and one.high is not None]
    if not known:
        return "no difference shown yet", "Too few users are counted: a user counts once their window is over."
    mixed = experiment.kind == "interleave"
    what = "users' choices" if mixed else metric.name
    gain = 1 if mixed or metric.better == "higher" else -1
    words: tuple[tuple[Verdict, int], ...] = (("better", gain), ("worse", -gain))
    for word, sign in words:
        for arm, one, low, high in known:
            if min(sign * low, sign * high) > 0:
                interval = f"{one.estimate:+.4g}, and between {low:+.4g} and {high:+.4g} however often one looks"
                return word, f"{arm} is {word} than {control} by {what}: {interval}."
    arm, one, _, _ = known[0]
    return "no difference shown yet", (
        f"{arm} against {control}: {one.estimate:+.4g}, but anything between {one.low:+.4g} and {one.high:+.4g} may be true. "
        "That is no proof that they are alike."
    )


def _interval(one: Sequential) -> IntervalOut:
    return IntervalOut(estimate=one.estimate, low=_finite(one.low), high=_finite(one.high), p=one.p, units=one.units)


def _finite(value: float) -> float | None:
    return value if abs(value) < inf else None
