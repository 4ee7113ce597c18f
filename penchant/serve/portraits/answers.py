"""What the service tells of portraits and of what people decide about them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penchant.serve.answer import Answer
from penchant.serve.answers import Card, Cause, Interest
from penchant.serve.portraits.words import Decision


class KnownLayer(Answer):
    """What one layer knows of a user."""

    events: int
    newest: int | None = Field(description="UTC seconds of the newest event; null where there is none, or nobody knows.")
    interests: list[Interest] = Field(description="The largest first, at most ten.")


class PortraitVector(Answer):
    """What the model made of the user's history, as it is stored."""

    release: str = Field(description="Whose model made it.")
    values: list[float]
    norm: float
    events: int = Field(description="Events that the model has read.")
    newest: int | None = Field(description="UTC seconds of the newest of them.")
    made: float = Field(description="UTC seconds.")
    age_seconds: float
    fresh: bool = Field(description="Whether the user did nothing since that the worker knows of.")


class RecentItem(Card):
    """An item that the user did something with."""

    live_tier: Literal["head", "tail"] | None = Field(description="At present; null where nobody knows.")


class InterestOut(Answer):
    """An interest of one layer."""

    path: list[str] = Field(description="Names from broad to narrow.")
    weight: float = Field(
        description="Share of the layer's events, 0..1; of a potential interest how probable it is against the first one."
    )
    evidence: list[Cause] = Field(description="Items of the newest events that it stands on; of a potential interest none.")


class DueOut(Answer):
    """What is bought again and again."""

    path: list[str]
    days: float = Field(description="From the newest event on until the next purchase, as likely earlier as later.")
    at: int | None = Field(description="UTC seconds of then.")
    chance: float = Field(description="Of a purchase within four weeks of the newest event, 0..1.")
    evidence: list[Cause]


class LayersOut(Answer):
    """Interests by layer, by weight."""

    short: list[InterestOut] = Field(description="Of the newest events.")
    long: list[InterestOut] = Field(description="Of all of them.")
    potential: list[InterestOut] = Field(description="Of which the user has nothing, but people alike have.")
    rare: list[InterestOut] = Field(description="Of few events, which have come in several months.")
    due: list[DueOut] = Field(description="What is due to be bought again, the most probable first.")


class SourceOut(Cause):
    """A category of another domain that an intent stands on, and the item of it that the user had most events of."""

    path: list[str] = Field(description="Names from broad to narrow.")
    share: float = Field(description="Of all that speaks for the intent, 0..1.")


class IntentOut(Answer):
    """What a user may want of a domain, a category at the top, that they have nothing or hardly anything of."""

    path: list[str] = Field(description="Names from broad to narrow; the first is the domain.")
    strength: float = Field(description="How many times as probable as among all who have as much of the domain; above 1.")
    because: list[SourceOut] = Field(description="What says so, the most telling first; never empty.")


class BranchOut(Answer):
    """Long-term interests as a tree: a weight is the children's and the rest."""

    path: list[str] = Field(description="Empty of the whole.")
    weight: float
    rest: float = Field(description="What ends here, is too small to be told, or is left out.")
    evidence: list[Cause]
    children: list[BranchOut]


class ProseOut(Answer):
    """A portrait in words."""

    text: str
    author: str = Field(description="`events`, the name of a language model, or the reviewer who accepted or wrote it.")
    by: Literal["events", "model", "person"]
    made: float | None = Field(description="UTC seconds; null of what was made for this answer.")
    current: bool = Field(description="Whether it was written of the portrait as it is now.")


class ChangeOut(Answer):
    """One thing that became different."""

    time: float = Field(description="UTC seconds at which it was found.")
    layer: str
    path: list[str]
    kind: Literal["entered", "left", "rose", "fell"]
    before: float
    after: float


class KeptOut(Answer):
    """The stored portrait."""

    release: str = Field(description="By whose categories it was made.")
    made: float
    events: int
    fresh: bool = Field(description="Whether it has seen all that the worker has.")


class PortraitOut(Answer):
    """A user: the portrait with its evidence, and what each source knows."""

    user_id: str
    known: bool = Field(description="Whether the user was in training.")
    text: str = Field(description="What each source knows, in a sentence.")
    release: str
    created: str = Field(description="When the release was made.")
    offline: KnownLayer = Field(description="As of the release; what stands of it.")
    near_line: KnownLayer | None = Field(description="Since; a moment behind the log. Null where nobody follows the log.")
    events: int = Field(description="Of the portrait; what was turned down does not count.")
    newest: int | None = Field(description="UTC seconds of the newest of them.")
    layers: LayersOut
    intents: list[IntentOut] = Field(
        description="What the user may want of domains they have nothing of, the strongest first, at most ten."
    )
    tree: BranchOut
    prose: ProseOut = Field(description="The portrait in words, as it is served.")
    written: ProseOut | None = Field(description="What a language model wrote, where that is not served; null where none wrote.")
    left_out: list[list[str]] = Field(description="Interests that a reviewer took out, with all below them.")
    changes: list[ChangeOut] = Field(description="In the stored portrait, the newest first.")
    kept: KeptOut | None = Field(description="Null where none is stored yet.")
    review: str | None = Field(description="Why it waits for a reviewer; null where it does not.")
    vector: PortraitVector | None = Field(description="Null where none was made yet.")
    weights: dict[str, float] = Field(description="What the release and the vector say in lists by stored vectors, 0..1.")
    recent: list[RecentItem] = Field(description="The newest first, at most ten.")
    liked: list[str]
    hidden: list[str] = Field(description="Items hidden or disliked, newest first.")
    missing: list[str] = Field(description="Parts that could not be read.")


class WaitingOut(Answer):
    """An entry of the queue."""

    user_id: str
    why: str = Field(description="`new`, `changed much`, `new words`, or what somebody said who asked for a look.")
    asked: float = Field(description="UTC seconds.")
    author: str = Field(description="Of the text that is proposed.")
    text: str
    events: int = Field(description="Of the portrait it was written of.")
    holds: bool = Field(description="Whether no model's words about the user are served until somebody has decided.")


class ReviewsOut(Answer):
    """What waits for a decision, in the order of users' ids."""

    waiting: list[WaitingOut]
    after: str | None = Field(description="Pass it as `after` for those that follow; null where there are none.")


class PieceOut(Answer):
    """A part of a text."""

    kind: Literal["same", "added", "removed"]
    text: str


class DecidedOut(Answer):
    """The last decision about a user."""

    decision: Decision
    reviewer: str
    time: float
    text: str | None = Field(description="Served since; null where nothing was accepted.")
    left_out: list[list[str]]


class ReviewOut(WaitingOut):
    """An entry with what it would change."""

    version: int = Field(description="Send it with the decision: what is another by then is not decided about.")
    served: ProseOut
    diff: list[PieceOut] = Field(description="From what is served to what is proposed, word by word.")
    interests: list[InterestOut] = Field(description="Long-term ones, to be left out or not.")
    changes: list[ChangeOut] = Field(description="Of long-term interests since the last decision.")
    decided: DecidedOut | None = Field(description="The last decision; null where there was none.")


class AuditedOut(Answer):
    """One decision. Nothing in it is of the portrait."""

    time: float
    reviewer: str
    decision: Decision
    user: str = Field(description="A keyed hash of the id.")
    why: str
    author: str
    left_out: int = Field(description="Number of interests that were taken out.")


class AuditOut(Answer):
    """Decisions, the newest first."""

    decisions: list[AuditedOut]
