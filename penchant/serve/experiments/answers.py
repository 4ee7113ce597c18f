"""What the service answers about experiments."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penchant.serve.answer import Answer
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.registry import Record

State = Literal["waiting", "running", "ended"]
Verdict = Literal["better", "worse", "no difference shown yet", "not to be trusted", "a guardrail is broken"]


class ExperimentOut(Answer):
    """An experiment, and whether it runs."""

    name: str
    state: State
    started: float = Field(description="UTC seconds from which it holds.")
    ended: float | None = Field(description="UTC seconds; null while it goes on.")
    why: str | None = Field(description="Why it was stopped, if it was.")
    experiment: Experiment

    @classmethod
    def of(cls, record: Record, now: float) -> ExperimentOut:
        """As of a moment, UTC seconds."""
        state: State = "waiting" if now < record.started else "running" if now < record.until else "ended"
        ended = record.until if record.until <= now else None
        return cls(
            name=record.experiment.name, state=state, started=record.started, ended=ended, why=record.why, experiment=record.experiment
        )


class ExperimentsOut(Answer):
    """Experiments, the newest first."""

    experiments: list[ExperimentOut]
    generators: list[str] = Field(description="That are merged to lists: arms may change their weights.")


class IntervalOut(Answer):
    """An estimate and its always-valid interval; null ends where there is too little to tell."""

    estimate: float
    low: float | None
    high: float | None
    p: float = Field(description="Always-valid p against no difference.")
    units: int = Field(description="Users counted.")


class OffPolicyOut(Answer):
    """Actions a place that the arm would bring if it never explored, from the propensities of what it showed."""

    ips: float
    snips: float
    doubly_robust: float
    low: float | None
    high: float | None
    decisions: int
    effective: float = Field(description="Decisions that all the weights are worth.")
    warning: str | None


class ArmOut(Answer):
    """One arm so far."""

    name: str
    share: float | None = Field(description="That was meant; null where arms are interleaved.")
    users: int = Field(description="Who saw it.")
    counted: int = Field(description="Of them, whose window is over.")
    lists: int
    metrics: dict[str, float] = Field(description="Mean over the users counted.")
    off_policy: OffPolicyOut | None


class LookOut(Answer):
    """The interval as it stood at a moment."""

    at: float = Field(description="UTC seconds.")
    interval: IntervalOut


class ComparisonOut(Answer):
    """An arm against the control, by one metric."""

    arm: str
    metric: str
    difference: IntervalOut
    adjusted: IntervalOut = Field(description="The same with less noise, by what users did before (CUPED).")
    correlation: float = Field(description="Of the metric with what users did before: the variance is less by its square.")
    relative: float | None = Field(description="The adjusted difference as a share of the control's mean.")
    looks: list[LookOut] = Field(description="The adjusted interval over time; of the first metric only.")


class GuardrailOut(Answer):
    """Whether a guardrail holds in an arm."""

    arm: str
    metric: str
    margin: float
    difference: IntervalOut
    state: Literal["holds", "broken", "not known yet"]


class ShadowOut(Answer):
    """Lists of an arm that nobody saw, against those that were shown; of this server since it started."""

    arm: str
    lists: int
    dropped: int = Field(description="Not made because too much was waiting.")
    failed: int
    overlap: float | None = Field(description="Share of items that both lists have, 0..1.")
    correlation: float | None = Field(description="Kendall's tau of the ranks of items that both have.")
    milliseconds: float | None = Field(description="Mean time of a list.")


class ResultOut(Answer):
    """What an experiment shows so far."""

    experiment: ExperimentOut
    verdict: Verdict
    meaning: str = Field(description="The verdict in a sentence.")
    arms: list[ArmOut]
    sample_ratio: float | None = Field(description="Always-valid p that arms have the shares that were meant; null where there is one arm.")
    alarm: bool = Field(description="Whether they have not: no number can then be trusted.")
    comparisons: list[ComparisonOut]
    preference: IntervalOut | None = Field(
        description="Where arms are interleaved: mean over users, 1 if they chose the second arm's items, -1 if the first's."
    )
    guardrails: list[GuardrailOut]
    shadows: list[ShadowOut]
