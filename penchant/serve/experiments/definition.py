"""What an experiment is: arms, whom it concerns, what is measured, and what must not get worse."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from penchant.core.errors import SettingsError
from penchant.serve.requests import LATEST_TIME, Action

#: What is measured of every list, whatever an experiment names besides: time of an answer, and lists without the best rung.
MILLISECONDS, FALLBACK = "milliseconds", "fallback"
DAY = 86_400

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Factor = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=0, le=LATEST_TIME, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Arm(_Part):
    """One way to make lists."""

    name: Name
    share: Annotated[float, Field(gt=0, le=1)] = Field(description="Of the experiment's users. Shares of the arms that are shown sum to 1.")
    weights: dict[ModelName, Factor] = Field(default={}, max_length=50, description="Factors on the weights of generators, by name.")
    model: ModelName | None = Field(default=None, description="One model by name, in place of the merged list.")
    deadline_ms: Annotated[float, Field(ge=1, le=60_000)] | None = Field(default=None, description="Time that a list may take.")
    shadow: bool = Field(default=False, description="Its lists are made beside the control's and compared with them, and never shown.")


class Metric(_Part):
    """A number of each user, from the events of a window that begins with the first list they were shown."""

    name: Name
    events: list[Action] = Field(min_length=1, max_length=12, description="Kinds of events that count.")
    measure: Literal["any", "count", "value"] = Field(
        default="any", description="`any`: 1 if there was one, else 0; `count`: how many; `value`: the sum of their values."
    )
    window_seconds: Annotated[int, Field(ge=1, le=90 * DAY)] = Field(
        default=DAY, description="A user counts once this time has gone by since their first list."
    )
    better: Literal["higher", "lower"] = "higher"


class Guardrail(_Part):
    """What must not get worse by more than a margin."""

    metric: Name = Field(
        description="One of the experiment's metrics, `milliseconds`, or `fallback` (share of lists that had to be made simpler)."
    )
    margin: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(description="In the metric's own unit.")


class Experiment(_Part):
    """What is tried, on whom, and how it is judged. The first arm that is shown is the control; the first metric decides."""

    name: Name
    arms: list[Arm] = Field(min_length=2, max_length=10)
    metrics: list[Metric] = Field(min_length=1, max_length=10)
    guardrails: list[Guardrail] = Field(default=[], max_length=10)
    kind: Literal["split", "interleave"] = Field(
        default="split", description="`split`: each user sees one arm. `interleave`: users see two arms in one list, and clicks choose."
    )
    salt: Annotated[str, StringConstraints(max_length=100)] | None = Field(
        default=None, description="Decides who falls where; the name by default. The same salt gives the same users."
    )
    audience: Part = Field(default=1.0, description="Share of users that take part.")
    users: Literal["all", "known", "new"] = Field(default="all", description="`known`: those the release was trained with.")
    layer: Name | None = Field(default=None, description="Experiments of one layer never share a user.")
    layer_from: Part = Field(default=0.0, description="Where this one's part of the layer begins; it is `audience` wide.")
    start: Moment | None = Field(default=None, description="UTC seconds; null: at once.")
    end: Moment | None = Field(default=None, description="UTC seconds; null: until it is stopped.")
    alpha: Annotated[float, Field(gt=0, le=0.5)] = Field(default=0.05, description="How often a verdict may be wrong.")

    @property
    def shown(self) -> list[Arm]:
        """Arms that people see, the control first."""
        return [arm for arm in self.arms if not arm.shadow]

    @property
    def control(self) -> Arm:
        """What the others are held against."""
        return self.shown[0]

    @property
    def shadows(self) -> list[Arm]:
        """Arms that nobody sees."""
        return [arm for arm in self.arms if arm.shadow]

    @property
    def key(self) -> str:
        """What decides who falls where."""
        return self.name if self.salt is None else self.salt

    @property
    def window(self) -> int:
        """Seconds after which a user counts: the longest window."""
        return max(metric.window_seconds for metric in self.metrics)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [arm.name for arm in self.arms]
        metrics = [MILLISECONDS, FALLBACK, *(metric.name for metric in self.metrics)]
        total = sum(arm.share for arm in self.shown)
        _rule(len(set(names)) == len(names), "each arm needs a name of its own")
        _rule(len(set(metrics)) == len(metrics), "each metric needs a name of its own, other than milliseconds and fallback")
        _rule(abs(total - 1) < 1e-6, f"the shares of the arms that are shown sum to {total:g}, they must sum to 1")
        unknown = [guard.metric for guard in self.guardrails if guard.metric not in metrics]
        _rule(not unknown, f"guardrails of {unknown}, the metrics are {metrics}")
        _rule(self.kind == "split" or len(self.shown) == 2, "two arms are interleaved, no more and no fewer")
        _rule(self.layer_from + self.audience <= 1 + 1e-9, "layer_from + audience go beyond the layer's end, which is 1")
        _rule(self.start is None or self.end is None or self.start < self.end, "the end lies before the start")
        return self

    @classmethod
    def parse(cls, text: bytes | str) -> Self:
        """Of a JSON file.

        Raises:
            SettingsError: It is not JSON, or breaks a rule; the first one is told.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the experiment"
            raise SettingsError(place, first["msg"][:1].lower() + first["msg"][1:], "see docs/experiments.md") from None


def _rule(holds: bool, message: str) -> None:
    if not holds:
        raise PydanticCustomError("experiment", "{message}", {"message": message})
