"""What people have decided about a user's portrait, and what is put before them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, cast

from pydantic import Field

from penchant.core.errors import ArtifactError, SettingsError
from penchant.core.settings import Settings
from penchant.users.portrait_changes import as_rows, distance, from_rows, weights
from penchant.users.stored_portrait import EVENTS, StoredPortrait

Decision = Literal["accept", "edit", "reject"]
Rows = list[tuple[list[str], float]]  # a path and a weight each

NEW, CHANGED, NEW_WORDS = "new", "changed much", "new words"
OURS = (NEW, CHANGED, NEW_WORDS)
ASKED = "asked"  # for whatever reason of one's own
_MUCH = 0.2  # of all interests: what they differ by until somebody looks again


def review_key(user_id: str) -> str:
    """Where lies what waits for a decision."""
    return f"review:{user_id}"


def words_key(user_id: str) -> str:
    """Where lies what was decided."""
    return f"reviewed:{user_id}"


class Kept(Settings):
    """A small JSON value of the state store."""

    def to_bytes(self) -> bytes:
        """As it is stored."""
        return json.dumps(self.plain(), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """What ``to_bytes`` gave.

        Raises:
            ArtifactError: It is damaged.
        """
        try:
            return cls.of(json.loads(stored))
        except (ValueError, TypeError, SettingsError) as error:
            remedy = "forget the user, or delete the key of the store"
            raise ArtifactError(f"{len(stored)} bytes", f"a review cannot be read ({error})", remedy) from error


class Proposal(Kept):
    """What waits for a decision.

    Attributes:
        why: In a few words.
        asked: UTC seconds.
        text: Proposed.
        author: Of it.
        events: Of the portrait that the text was written of.
        interests: The long-term ones of then.
        holds: Whether no model's words about the user are served until somebody has decided.
    """

    why: str
    asked: float
    text: str
    author: str
    events: int
    interests: Rows = Field(default=[])
    holds: bool = False


class Words(Kept):
    """What a person decided last. It stays until a person decides anew, whatever is made meanwhile.

    Attributes:
        text: Served in place of all that is made; None where nothing was accepted yet.
        left_out: Interests that are not served, with all below them.
        decision: The last one.
        reviewer: Who made it.
        time: UTC seconds.
        events: Of the portrait that was decided about.
        looked_at: The text that was.
        refused: The text that was rejected last.
        interests: The long-term ones that were decided about.
    """

    text: str | None = None
    left_out: list[list[str]] = Field(default=[])
    decision: Decision
    reviewer: str
    time: float
    events: int
    looked_at: str
    refused: str | None = None
    interests: Rows = Field(default=[])


def interests_of(values: Mapping[str, Any]) -> Rows:
    """The long-term interests of a portrait in key-value form, as they are kept."""
    return cast(Rows, as_rows(weights(values)["long"]))


def proposed(made: StoredPortrait, words: Words | None, waiting: Proposal | None, now: float) -> Proposal | None:
    """What a portrait that was just made puts before people; None where there is nothing new to look at.

    Words of a language model are looked at once. Whoever decided about a portrait is asked again when it has changed much, or a
    model has new words for it. What waits already is only replaced by newer words of a model.
    """
    best = made.best
    ours = best.author != EVENTS
    if waiting is not None:
        why = waiting.why if ours and best.text != waiting.text else None
    elif words is None:
        why = NEW if ours else None
    elif ours and best.text not in (words.looked_at, words.text, words.refused):
        why = NEW_WORDS
    else:
        why = CHANGED if distance(from_rows(words.interests), weights(made.values)["long"]) >= _MUCH else None
    if why is None:
        return None
    return Proposal(
        why=why,
        asked=now,
        text=best.text,
        author=best.author,
        events=best.events,
        interests=interests_of(made.values),
        holds=waiting is not None and waiting.holds,
    )


def decided(
    waiting: Proposal,
    before: Words | None,
    decision: Decision,
    reviewer: str,
    now: float,
    *,
    text: str,
    left_out: Sequence[Sequence[str]] | None = None,
) -> Words:
    """What holds after a decision.

    Args:
        waiting: What it was about.
        before: What held until then; a rejection leaves that.
        text: Of an edit.
        left_out: Interests that are not to be served; None leaves out what was until then.
    """
    if left_out is None:
        left_out = [] if before is None else before.left_out
    known = None if before is None else before.text
    refused = None if before is None else before.refused
    return Words(
        text={"accept": waiting.text, "edit": text, "reject": known}[decision],
        left_out=[list(path) for path in left_out],
        decision=decision,
        reviewer=reviewer,
        time=now,
        events=waiting.events,
        looked_at=waiting.text,
        refused=waiting.text if decision == "reject" else refused,
        interests=waiting.interests,
    )
