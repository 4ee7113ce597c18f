"""What the service accepts: exact, so that the OpenAPI description can be believed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

#: Most items of a list, events of a batch, and events of a history that is passed along.
MOST_ITEMS, MOST_EVENTS, MOST_HISTORY = 200, 1_000, 5_000
#: 1 January 2100, UTC: later times are milliseconds by mistake.
LATEST_TIME = 4_102_444_800


def _trimmed(query: str) -> str:
    trimmed = query.strip()
    if not trimmed:
        raise PydanticCustomError("blank", "a query needs more than blanks")
    return trimmed


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(description="No control characters.", examples=["196"]),
]
Action = Literal["view", "click", "cart", "purchase", "rating", "review", "search", "play", "like", "dislike", "hide", "undo"]
Whole = Annotated[
    int, BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value)
]  # 5.0 is 5 in JSON
Timestamp = Annotated[Whole, Field(ge=0, le=LATEST_TIME, description="UTC seconds.")]
Query = Annotated[
    str, StringConstraints(min_length=1, max_length=512), AfterValidator(_trimmed), Field(json_schema_extra={"pattern": r"\S"})
]
Value = Annotated[float, Field(allow_inf_nan=False, description="Rating, price or quantity.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class EventIn(_Request):
    """One thing a user did. `undo` takes back the user's newest like, dislike or hide of the item."""

    event_id: Id | None = Field(default=None, description="Your own id: sent twice, it counts once. Made by the server if null.")
    user_id: Id = Field(description="Known or new.")
    item_id: Id
    event: Action
    timestamp: Timestamp | None = Field(default=None, description="UTC seconds, at most a day ahead; null is now.")
    value: Value | None = None


class EventsIn(_Request):
    """Events to log, in order."""

    events: list[EventIn] = Field(min_length=1, max_length=MOST_EVENTS)


class PastEvent(_Request):
    """One event of a history that is passed along. Fields that are only logged may stay in: they are not looked at."""

    item_id: Id
    event: Action | None = None
    timestamp: Timestamp | None = Field(
        default=None, description="If all events have one, they are put in time order; else taken as given."
    )
    event_id: Id | None = None
    user_id: Id | None = None
    value: Value | None = None


def _form(value: Any) -> str:
    return "<id>" if isinstance(value, str) else "<event>"


#: An event, or an item id alone. The tags are for the choice only; they never leave the server.
History = Annotated[Annotated[PastEvent, Tag("<event>")] | Annotated[Id, Tag("<id>")], Discriminator(_form)]


Name = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]


class TasteIn(_Request):
    """More or less of this. A score is multiplied by 8^(strength * likeness)."""

    items: list[Id] = Field(default=[], max_length=50, description="What is like them counts as far as it is alike.")
    categories: list[Name] = Field(default=[], max_length=50)
    brands: list[Name] = Field(default=[], max_length=50)
    strength: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] = Field(description="-1 is as little as can be, 1 as much.")


class IgnoreDay(_Request):
    """What was done on one day, from midnight to midnight."""

    days_ago: Whole = Field(ge=0, le=36_500, description="0 is today.")
    utc_offset_minutes: Whole = Field(default=0, ge=-840, le=840, description="Of the user's clock, ahead of UTC.")


class IgnoreOlder(_Request):
    """What was done longer ago than this."""

    older_than_days: Days


class IgnoreTime(_Request):
    """What was done from `since` on and before `until`."""

    since: Timestamp
    until: Timestamp


def _reading(value: Any) -> str:
    names = value if isinstance(value, dict) else vars(value) if isinstance(value, BaseModel) else {}
    return "<day>" if "days_ago" in names else "<older>" if "older_than_days" in names else "<time>"


Ignore = Annotated[
    Annotated[IgnoreDay, Tag("<day>")] | Annotated[IgnoreOlder, Tag("<older>")] | Annotated[IgnoreTime, Tag("<time>")],
    Discriminator(_reading),
]


class SteerIn(_Request):
    """What a person asks for. What is ignored is taken out of the history, as if it had never been done."""

    weights: dict[Name, Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]] = Field(
        default={}, max_length=50, description="Factors on the weights of generators, by name; 0 leaves one out."
    )
    tastes: list[TasteIn] = Field(default=[], max_length=20)
    ignore: list[Ignore] = Field(default=[], max_length=20)


class KeepIn(_Request):
    """What is to hold for every list of a user."""

    steer: SteerIn
    ttl_seconds: Whole = Field(default=30 * 86_400, ge=1, le=366 * 86_400, description="After which it holds no more.")


class StockIn(_Request):
    """Items that go out of stock, and items that are back."""

    out: list[Id] = Field(default=[], max_length=10_000)
    back: list[Id] = Field(default=[], max_length=10_000)


class RecommendIn(_Request):
    """Whom to recommend for: a user, a history, a user with further events, or nobody in particular."""

    user_id: Id | None = Field(default=None, description="Known or new; null with no events gives what is popular.")
    events: list[History] | None = Field(default=None, max_length=MOST_HISTORY, description="Oldest first. They are not logged.")
    k: Whole = Field(default=20, ge=1, le=MOST_ITEMS, description="Length of the list, at most the catalogue's.")
    model: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="One of `/v1/health`'s models; null merges them."
    )
    exclude_seen: bool = Field(default=True, description="Leave out what the history holds.")
    deadline_ms: Annotated[float, Field(ge=1, le=60_000)] | None = Field(
        default=None, description="Time that the answer may take: what cannot be done in it is left out. Null: the server's own."
    )
    steer: SteerIn | None = Field(default=None, description="For this list alone, on top of what holds for the user.")
    trace: bool = Field(default=False, description="Tell how the list came about.")


class ConsentIn(_Request):
    """What a user chooses."""

    personalised: bool = Field(description="Whether lists may follow what the user did.")


class LookIn(_Request):
    """A portrait that people are to look at."""

    user_id: Id
    why: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(description="In a few words.", examples=["biased"])
    holds: bool = Field(default=False, description="Serve no model's words about the user until somebody has decided.")


class DecideIn(_Request):
    """A decision about a portrait that waits for one."""

    version: Whole = Field(ge=1, description="Of the entry that was looked at.")
    decision: Literal["accept", "edit", "reject"]
    text: Annotated[str, StringConstraints(max_length=5_000)] | None = Field(
        default=None, description="Of an edit: what is served instead."
    )
    left_out: list[Annotated[list[Name], Field(min_length=1, max_length=20)]] | None = Field(
        default=None,
        max_length=100,
        description="Interests that are not served, names from broad to narrow, with all below them. Null: as before.",
    )
    reviewer: Annotated[str, StringConstraints(min_length=1, max_length=100)] = Field(
        default="somebody", description="Who decides; where the server has keys, the name of the key is noted instead."
    )


class SearchIn(_Request):
    """A query in plain words."""

    query: Query = Field(description="Blanks around it are dropped.", examples=["space adventure"])
    k: Whole = Field(default=20, ge=1, le=MOST_ITEMS)
    user_id: Id | None = Field(default=None, description="Items this user hid are left out.")


Why = Annotated[str, StringConstraints(max_length=512), Field(description="Kept with the move.")]


class ReplayIn(_Request):
    """By what an answer is made again."""

    release: Id | None = Field(default=None, description="Another one of the shelf: its name, or how name or id begin. Null: the same.")
    rules: Literal["then", "now"] = Field(default="then", description="Those of then, or those that hold now.")


class RollbackIn(_Request):
    """Back to the release that was live before."""

    why: Why = ""


class PromoteIn(_Request):
    """A release that has been live before."""

    release: Id = Field(description="Its name on the shelf, or the beginning of its name or id.")
    why: Why = ""
