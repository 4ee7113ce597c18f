"""The value types of a report, and how a number is written in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penchant.evaluate import beyond, metrics
from penchant.evaluate.protocol import Seen
from penchant.evaluate.significance import Interval, Verdict


@dataclass(frozen=True)
class Cost:
    """What a model cost to make; ``None`` where it was not measured or does not apply.

    Attributes:
        train_seconds: Wall-clock time of fitting.
        parameters: Trained numbers.
        peak_mb: Largest resident memory of the process while fitting, in MB (1e6 bytes).
    """

    train_seconds: float | None = None
    parameters: int | None = None
    peak_mb: float | None = None


@dataclass(frozen=True)
class Row:
    """One model under one rule for seen items.

    Attributes:
        model: Name.
        seen: The rule.
        metrics: Mean and interval by name, e.g. ``"ndcg@10"``.
        beyond: Values by name, e.g. ``"coverage@10"``.
        cost: Of training.
        rank_seconds: Time the model took to rank all rows.
        users_per_second: Rows ranked a second.
    """

    model: str
    seen: Seen
    metrics: Mapping[str, Interval]
    beyond: Mapping[str, float]
    cost: Cost
    rank_seconds: float
    users_per_second: float


@dataclass(frozen=True)
class SliceRow:
    """One model under one rule on some of the rows; ``group``, ``name`` and ``rule`` are those of the ``Slice``."""

    group: str
    name: str
    rule: str
    users: int
    model: str
    seen: Seen
    metrics: Mapping[str, Interval]


@dataclass(frozen=True)
class Comparison:
    """The model under test against one other, paired over the same rows.

    Attributes:
        model: The model under test.
        against: The other.
        seen: The rule for seen items.
        metric: E.g. ``"ndcg@10"``.
        difference: ``model`` minus ``against``; the interval is of this comparison alone.
        p: Of the paired sign-flip test.
        adjusted_p: After Holm's correction over all comparisons of the report.
        verdict: From ``adjusted_p``.
    """

    model: str
    against: str
    seen: Seen
    metric: str
    difference: Interval
    p: float
    adjusted_p: float
    verdict: Verdict

    def sentence(self) -> str:
        """The outcome in plain words."""
        where = f"{self.against} on {metrics.label(self.metric)} with seen items {self.seen}"
        if self.verdict is Verdict.BETTER:
            return f"{self.model} beats {where}: difference {gap(self.difference)}."
        if self.verdict is Verdict.WORSE:
            return f"{self.model} does not beat {where}: it is worse, difference {gap(self.difference)}."
        chance = f"cannot be told from chance (adjusted p {self.adjusted_p:.2g})"
        return f"{self.model} does not beat {where}: the difference {gap(self.difference)} {chance}."


@dataclass(frozen=True)
class Figure:
    """A drawn figure.

    Attributes:
        name: File name.
        caption: What is shown.
        alt: What can be read from it, for people who do not see it.
        content: The SVG file.
    """

    name: str
    caption: str
    alt: str
    content: bytes


def label(name: str) -> str:
    """A metric's or measure's name as people write it, e.g. ``"Coverage@10"``."""
    measure, at, cutoff = name.partition("@")
    return f"{beyond.LABELS[measure]}{at}{cutoff}" if measure in beyond.LABELS else metrics.label(name)


def signed(value: float, digits: int = 4) -> str:
    """With its sign, and a true minus; what rounds to 0 has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def spread(value: Interval, digits: int = 4) -> str:
    """Mean and interval, as in ``0.0554 [0.0541, 0.0567]``."""
    return f"{value.mean:.{digits}f} [{value.low:.{digits}f}, {value.high:.{digits}f}]"


def gap(value: Interval, digits: int = 4) -> str:
    """A difference and its interval, as in ``+0.0011 [−0.0002, +0.0024]``."""
    return f"{signed(value.mean, digits)} [{signed(value.low, digits)}, {signed(value.high, digits)}]"
