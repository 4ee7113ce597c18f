"""People look at portraits: a queue of what is proposed, decisions, and an audit of these that tells nothing of the portraits.

What waits and what was decided lie in the state store, a key a user each, so that all servers obey and an erasure finds them. A
decision ends the wait, keeps the words and writes the audit in one step, and only over what the reviewer has seen.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penchant.core.errors import ArtifactError, InputError, StorageError, UnknownIdError, require
from penchant.serve.choices import Choices
from penchant.serve.portraits.kept import Found, StoredPortraits, portrait_key
from penchant.serve.portraits.words import ASKED, OURS, Decision, Kept, Proposal, decided, interests_of, review_key, words_key
from penchant.serve.stores import StateStore, Stored, Write

_log = logging.getLogger("penchant.serve")
_AUDIT = "audit:portraits:"
_LATEST = 10**14  # milliseconds, far beyond any: what is nearer to it is older, so that names begin with the newest
_TRIES = 20  # against others who write


class Audited(Kept):
    """One decision. It names neither the user nor a word of the portrait.

    Attributes:
        time: UTC seconds.
        reviewer: Who decided.
        user: Keyed hash of the user's id.
        why: It was looked at: one of ``OURS``, or ``ASKED`` in place of whatever somebody said, who may have named a person.
        author: Of what was proposed.
        left_out: Number of interests that are not served.
    """

    time: float
    reviewer: str
    decision: Decision
    user: str
    why: str
    author: str
    left_out: int


@dataclass(frozen=True)
class Waiting:
    """An entry of the queue."""

    user_id: str
    proposal: Proposal


class Reviews:
    """The queue and the decisions of all users.

    Args:
        portraits: Kept ones.
        choices: Hash the names of users.
        clock: UTC seconds.
    """

    def __init__(self, portraits: StoredPortraits, choices: Choices, *, clock: Callable[[], float] = time.time) -> None:
        self.portraits, self.choices, self.clock = portraits, choices, clock
        self.store: StateStore = portraits.store

    def waiting(self, limit: int, after: str = "") -> tuple[list[Waiting], str | None]:
        """Entries in the order of users' ids, those after one; and the user after whom to go on, None where nobody follows.

        Entries that cannot be read, or were decided about meanwhile, are left out: there may be fewer than ``limit``.

        Raises:
            StorageError: The store cannot be read.
        """
        users = [key.removeprefix(review_key("")) for key in self.store.names(review_key(""), review_key(after) if after else "", limit)]
        found = zip(users, self.portraits.look(users), strict=True)
        return [Waiting(user, one.waiting) for user, one in found if one.waiting is not None], users[-1] if len(users) == limit else None

    def get(self, user_id: str) -> tuple[Found, Proposal]:
        """What waits for a decision about a user, with all that is kept of the portrait.

        Raises:
            UnknownIdError: Nothing does.
            StorageError: The store cannot be read.
        """
        (found,) = self.portraits.look([user_id])
        if found.waiting is None:
            raise UnknownIdError(f"user_id={user_id!r}", "nothing waits for a decision about this user", "see GET /v1/reviews")
        return found, found.waiting

    def ask(self, user_id: str, why: str, *, holds: bool = False) -> Proposal:
        """Put what is served of a user before people, for a reason of one's own; what waits already is left as it is, but for ``holds``.

        Args:
            user_id: Of whom.
            why: In a few words.
            holds: Serve no model's words about the user until somebody has decided; takes the reason's place, too, where something waits.

        Raises:
            UnknownIdError: No portrait of the user is kept.
            StorageError: The store does not do what is asked.
        """
        for _ in range(_TRIES):
            (found,) = self.portraits.look([user_id])
            if found.waiting is not None:
                if not holds or found.waiting.holds:
                    return found.waiting
                held = found.waiting.but(why=why, holds=True)
                if self.store.put({review_key(user_id): Write(held.to_bytes(), found.place)}):
                    return held
                continue
            if found.portrait is None:
                raise UnknownIdError(
                    f"user_id={user_id!r}", "no portrait is kept of this user", "look at the portrait first: it is then made"
                )
            best, words = found.portrait.best, found.words
            text, author = (best.text, best.author) if words is None or words.text is None else (words.text, words.reviewer)
            kept = interests_of(found.portrait.values)
            asks = Proposal(why=why, asked=self.clock(), text=text, author=author, events=best.events, interests=kept, holds=holds)
            over = {portrait_key(user_id): Write(found.portrait.to_bytes(), found.version)}  # not of who is being forgotten
            if self.store.put({review_key(user_id): Write(asks.to_bytes(), found.place), **over}):
                return asks
        raise _busy()

    def decide(
        self,
        user_id: str,
        version: int,
        decision: Decision,
        reviewer: str,
        *,
        text: str = "",
        left_out: Sequence[Sequence[str]] | None = None,
    ) -> Found:
        """End the wait; what is kept then.

        Args:
            version: Of the entry that the reviewer has seen, see ``Found.place``.
            text: Of an edit.
            left_out: Interests that are not to be served, with all below them; None leaves out what was until then.

        Raises:
            UnknownIdError: Nothing waits for a decision.
            InputError: The entry is another by now, no portrait is kept any more, or an edit has no text.
            StorageError: The store does not do what is asked.
        """
        require(decision != "edit" or bool(text.strip()), "text=''", "an edit says what is served instead", "pass a text, or reject")
        hashed = self.choices.hashed(user_id)
        for _ in range(_TRIES):
            found, asked = self.get(user_id)
            require(
                found.place == version, f"version={version}", "the entry is another by now", "look at it again, then decide", InputError
            )
            require(
                found.portrait is not None,
                f"user_id={user_id!r}",
                "no portrait is kept of this user, so nothing is decided about one",
                "look at the portrait, then decide; who opted out has none",
            )
            now = self.clock()
            words = decided(asked, found.words, decision, reviewer, now, text=text, left_out=left_out)
            audited = Audited(
                time=now,
                reviewer=reviewer,
                decision=decision,
                user=hashed,
                why=asked.why if asked.why in OURS else ASKED,
                author=asked.author,
                left_out=len(words.left_out),
            )
            (place,) = self.store.versions([words_key(user_id)])
            done = self.store.put(
                {
                    review_key(user_id): Write(None, found.place),
                    words_key(user_id): Write(words.to_bytes(), place),
                    f"{_AUDIT}{_LATEST - int(now * 1000):015d}:{uuid.uuid4().hex}": Write(audited.to_bytes()),
                }
            )
            if done:
                return self.portraits.look([user_id])[0]
        raise _busy()

    def audit(self, limit: int) -> list[Audited]:
        """Decisions, the newest first, without those that cannot be read.

        Raises:
            StorageError: The store cannot be read.
        """
        found = map(_audited, self.store.get(self.store.names(_AUDIT, limit=limit)))
        return [one for one in found if one is not None]


def _audited(found: Stored | None) -> Audited | None:
    try:
        return None if found is None else Audited.from_bytes(found.value)
    except ArtifactError as error:
        _log.error("a line of the audit of portraits was spoilt in the store: %s", error)
        return None


def _busy() -> StorageError:
    return StorageError(f"{_TRIES} tries", "others kept writing about the same user", "try again")
