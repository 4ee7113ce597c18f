"""What the service answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from penchant.pipeline.reasons import Kind
from penchant.serve.answer import Answer


class Refusal(Answer):
    """What was found, the rule it breaks, and what to do about it."""

    value: str
    rule: str
    remedy: str


class ErrorAnswer(Answer):
    """Every answer with a status from 400 on."""

    error: Refusal


class Card(Answer):
    """An item as it is shown everywhere."""

    item_id: str
    title: str
    categories: list[str]
    brand: str | None
    year: int | None
    description: str | None
    codes: list[int] = Field(description="The semantic ID, coarse to fine.")
    tier: Literal["head", "mid", "tail", "new"]


class Cause(Answer):
    """A past event's item."""

    item_id: str
    title: str


class Supported(Answer):
    """An interest that an item lies in, counted in the person's events."""

    path: list[str] = Field(description="Names of the category, from broad to narrow.")
    events: int = Field(description="Events of the person in it.")
    of: int = Field(description="Events of the person; what was turned down counts in neither number.")
    evidence: list[Cause] = Field(description="The newest items among those in it.")


class Why(Answer):
    """Computed from the model: the past events without which the item would score less; and from categories, which are counted."""

    text: str
    because: list[Cause]
    kind: Kind = Field(description="What it stands on; `none` where no reason was made.")
    shared: list[list[str]] = Field(
        description="Paths of categories that the item and all of `because` have in common, the narrowest first."
    )
    interest: Supported | None = Field(description="Only of the kind `interest`.")


class Suggested(Card):
    """One place of a list."""

    rank: int
    score: float
    sources: list[str] = Field(description="Models that named it, the one that ranked it best first; or `rules`, `fill`.")
    reason: Why
    propensity: float = Field(description="Probability with which it took this place; 1 where rules leave nothing to chance.")
    labels: list[str] = Field(description="Of rules that speak for it, such as promotions.")


class Parts(Answer):
    """Which parts made the answer, and which failed: it was then made without them."""

    used: list[str]
    missing: list[str]


class Candidate(Answer):
    """An item that was named."""

    item_id: str
    score: float


class Stage(Answer):
    """What one generator named, or why it named nothing."""

    candidates: list[Candidate] = Field(description="Best first.")
    milliseconds: float | None = Field(description="From the question to its answer.")
    missing: str | None = Field(description="Why there is no list: `failed`, `late`, `resting or too busy`.")


class Trace(Answer):
    """How a list came about."""

    generators: dict[str, Stage]
    merged: list[Candidate] = Field(description="Candidates of all generators, best first, before the policy.")
    ranked: list[Candidate] = Field(description="After filters and changes of scores, before places were given away.")
    left_out: list[str] = Field(description="Item ids of candidates that were left out as the worst matches.")


class RecommendOut(Answer):
    """A list of recommendations."""

    request_id: str
    release: str
    user_id: str | None
    history_length: int
    items: list[Suggested]
    rules: str = Field(description="Version of the rules.")
    ignored_events: int = Field(description="Events of the history that steering left out.")
    rung: str = Field(description="The way the list was made: the best one that the time allowed, or the model that was asked for.")
    experiments: dict[str, str] = Field(description="The user's arm in each experiment that shaped this list.")
    parts: Parts
    milliseconds: dict[str, float]
    personalised: bool = Field(description="False for who opted out, and for nobody in particular: the list follows no person.")
    trace: Trace | None = Field(default=None, description="Only where it was asked for.")


class Found(Card):
    """One search result."""

    rank: int
    score: float
    matched: list[str] = Field(description="`words`, `meaning` or both.")


class SearchOut(Answer):
    """Search results, best first."""

    request_id: str
    query: str
    items: list[Found]
    rules: str = Field(description="Version of the rules; what they exclude is left out.")
    missing: list[str] = Field(description="What could not be read of the user.")
    milliseconds: dict[str, float]


class Refused(Refusal):
    """An event that was not logged."""

    index: int = Field(description="Its place in the request, from 0.")


class Place(Answer):
    """A place in the event log."""

    partition: int
    offset: int


class EventsOut(Answer):
    """What became of the events. Those accepted are on the disk of the server, or acknowledged by the broker."""

    accepted: int
    duplicates: int
    refused: list[Refused]
    last_offset: int
    places: list[Place] = Field(description="The newest of each partition: who has read past these has read all of the events.")


class Scored(Card):
    """A related item."""

    score: float


class LiveItem(Answer):
    """An item at present; a moment behind the log."""

    tier: Literal["head", "tail"] = Field(description="Head items have vectors that follow who does something with them.")
    since: float | None = Field(description="UTC seconds since when it is head; null in the tail.")
    count: float = Field(description="Events, each worth half after six hours.")
    drift: float | None = Field(description="How far its vector is from the released one, of that one's length; null where it is that.")


class ItemOut(Card):
    """An item, and what is near it."""

    events: int = Field(description="Training events.")
    live: LiveItem | None = Field(description="Null where nobody follows the log, or it cannot be read.")
    similar: list[Scored] = Field(description="By content.")
    bought_with: list[Scored] = Field(description="By what the same users chose.")
    rules: str = Field(description="Version of the rules; what they exclude is not among these.")
    missing: list[str] = Field(description="What could not be read of the user.")


class UserShort(Answer):
    """A user in a list; `recent` are titles, newest first."""

    user_id: str
    events: int
    recent: list[str]


class UsersOut(Answer):
    """Users that match, of `total`."""

    users: list[UserShort]
    total: int


class Did(Card):
    """One event of a user."""

    event: str | None
    timestamp: int | None
    live: bool = Field(description="Whether it came after the release was made.")


class Interest(Answer):
    """A category and its share of what a user did of late, 0..1."""

    name: str
    share: float


class Trend(Card):
    """An item that many do something with at present."""

    count: float = Field(description="Events, each worth half after six hours.")


class TrendingOut(Answer):
    """Items by what all users do at present, the most first; a moment behind the log."""

    items: list[Trend]


class TasteOut(Answer):
    """More or less of this."""

    items: list[str]
    categories: list[str]
    brands: list[str]
    strength: float


class IgnoredOut(Answer):
    """Events that do not count, UTC seconds; null: no end."""

    since: int | None
    until: int | None


class DirectiveOut(Answer):
    """Something that holds for every list of a user."""

    id: str = Field(description="To take it back by.")
    said: int
    ends: int
    weights: dict[str, float]
    tastes: list[TasteOut]
    ignore: list[IgnoredOut] = Field(description="Days are those of the time when it was said.")


class SteeringOut(Answer):
    """What holds for a user, the oldest first."""

    user_id: str
    steering: list[DirectiveOut]


class Noted(Answer):
    """A name of a file of rules that the catalogue does not have."""

    line: int
    name: str


class RulesOut(Answer):
    """Rules that are followed."""

    version: str
    file: str | None = Field(description="Null: those of the release.")
    since: int | None
    rules: list[dict[str, Any]]
    unknown: list[Noted] = Field(description="They mean nothing at present.")
    refused: Refusal | None = Field(description="What is wrong with what the file holds now; the rules of before are followed.")


class StockOut(Answer):
    """Items that are out of stock."""

    out: list[str]


class UserOut(Answer):
    """A user's past, newest first. What concerns hidden items is left out, as the models do not see it."""

    user_id: str
    known: bool = Field(description="Whether the user was in training.")
    events: int
    history: list[Did]
    hidden: list[str] = Field(description="Items hidden or disliked, newest first.")
    liked: list[str]
    interests: list[Interest] = Field(
        description="Categories of what the user did since the release, the newest counting most; a moment behind the log."
    )
    steering: list[DirectiveOut] = Field(description="What holds for every list of theirs, the oldest first.")
    personalised: bool = Field(description="Whether lists follow the user; they may opt out.")
    read_to: list[Place] | None = Field(description="Of the log: `history` and lists know all before; null where that cannot be read.")
    followed_to: list[Place] | None = Field(description="So does `interests`; null where nobody follows the log.")


class ConsentOut(Answer):
    """What a user chose."""

    user_id: str
    personalised: bool


class ExportOut(Answer):
    """All that is kept of a user."""

    user_id: str
    time: int = Field(description="UTC seconds.")
    personalised: bool
    held: dict[str, list[dict[str, Any]]] = Field(description="By where it is kept.")


class ReceiptOut(Answer):
    """What an erasure did. It does not name the user."""

    receipt: str
    user: str = Field(description="A keyed hash of the id.")
    time: int = Field(description="UTC seconds.")
    deleted: dict[str, int] = Field(description="Records, by where they were kept.")
    found: dict[str, int] = Field(description="Records that a scan found afterwards.")
    traces: int = Field(description="Deleted records whose bytes were found in files afterwards.")
    kept: list[str] = Field(description="What cannot be deleted at once, is not read any more, and until when it stays.")
    seconds: float


class Share(Answer):
    """A category and its share of the items, 0..1."""

    name: str
    share: float


class Branch(Answer):
    """One code that may come next."""

    code: int
    items: int
    words: list[str]
    categories: list[Share]
    examples: list[str]


class CodesOut(Answer):
    """The part of the semantic-ID tree below a prefix. `leaves` only where there are few."""

    prefix: list[int]
    levels: int
    items: int
    words: list[str]
    categories: list[Share]
    children: list[Branch]
    leaves: list[Card] | None = None


class HeldOut(Answer):
    """A prefix in a beam."""

    prefix: list[int]
    chance: float = Field(description="Probability of these codes, 0..1.")
    kept: bool = Field(description="Whether the search went on from here.")
    items: int = Field(description="Items below it.")
    words: list[str] = Field(description="Words that set these items apart.")


class Generated(Card):
    """An item that a beam search ended at."""

    chance: float


class BeamOut(Answer):
    """A beam search along the tree of semantic IDs: what it held after each code, and the items it ended at."""

    user_id: str | None
    events: int = Field(description="Events that the model read.")
    width: int
    levels: list[list[HeldOut]]
    items: list[Generated]
    milliseconds: float


class FigureOut(Answer):
    """A figure of the report."""

    name: str
    caption: str
    alt: str


class ReportOut(Answer):
    """The evaluation that came with the release."""

    model_config = ConfigDict(extra="allow")

    title: str
    rows: list[dict[str, Any]]
    verdicts: list[str]
    figures: list[FigureOut]


class LiveOut(Answer):
    """That the process answers."""

    alive: Literal[True]


class ReadyOut(Answer):
    """That requests can be answered."""

    ready: Literal[True]
    parts: list[str] = Field(description="What was asked and answered.")
    lag: int | None = Field(description="Events that the near-line worker has not read; null where nobody follows the log.")


class HealthOut(Answer):
    """What is being served."""

    status: Literal["ready"]
    release: str
    created: str
    dataset: str
    items: int
    users: int
    models: list[str]
    events_logged: int | None = Field(description="Null where a broker keeps them.")
    version: str
