"""The words that rules are written with: moments, ranges, which items, and for whom."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from penchant.data.schema import ACTIONS

_LATEST = 4_102_444_800  # 1 January 2100, UTC: later times are milliseconds by mistake


def _moment(value: Any) -> Any:
    """UTC seconds of a date (its first moment), a date with a time (UTC unless it says otherwise), or the text of one."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("moment", "a moment is a date, a date with a time, or UTC seconds") from None
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return value


def _action(value: Any) -> Any:
    if value not in ACTIONS[1:]:
        raise PydanticCustomError("action", "no such action; there are {known}", {"known": ", ".join(ACTIONS[1:])})
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Names = Annotated[tuple[Text, ...], Field(strict=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Moment = Annotated[int, BeforeValidator(_moment), Field(ge=0, le=_LATEST)]
Actions = Annotated[tuple[Annotated[str, BeforeValidator(_action)], ...], Field(strict=False)]


def broken(rule: str) -> PydanticCustomError:
    """An error of a rule that concerns several fields."""
    return PydanticCustomError("rule", rule)  # type: ignore[arg-type]


class Written(BaseModel):
    """What stands in a file: exact types, nothing unknown. Not ``Settings``: these know where in the whole an error is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Range(Written):
    """From ``least`` to ``most``, both included."""

    least: Number | None = None
    most: Number | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least is None and self.most is None:
            raise broken("a range has an end: least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise broken("least is at most most")
        return self


class Where(Written):
    """Items for which all of the given fields hold; a field that lists names holds for an item with any of them.

    Attributes:
        items: Their ids.
        categories: As in the catalogue, readable or not, on any level.
        brands: As in the catalogue.
        domains: As in the catalogue.
        price: As in the catalogue; items without a price are not meant.
        year: As in the catalogue; items without a year are not meant.
        events: Training events.
        attributes: Values of any further columns of the catalogue.
    """

    items: Names = ()
    categories: Names = ()
    brands: Names = ()
    domains: Names = ()
    price: Range | None = None
    year: Range | None = None
    events: Range | None = None
    attributes: dict[Text, Annotated[tuple[str | bool | int | float, ...], Field(strict=False, min_length=1)]] = {}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_defaults=True):
            raise broken("it says which items: give at least one field")
        return self


class Did(Written):
    """Events of a history.

    Attributes:
        where: Of these items; None: of any.
        actions: Of these kinds; none: of any.
        days: At most so old; None: however old. Histories without times have no age: all of their events count.
    """

    where: Where | None = None
    actions: Actions = ()
    days: Annotated[Number, Field(gt=0)] | None = None


class Audience(Written):
    """People for whom any of the fields holds.

    Attributes:
        users: Their ids.
        did: They did this, at least ``times`` times.
        newcomers: They have no history.
    """

    users: Names = ()
    did: Did | None = None
    times: Annotated[int, Field(ge=1)] = 1
    newcomers: bool = False

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.users and self.did is None and not self.newcomers:
            raise broken("it says for whom: give users, did or newcomers")
        return self
