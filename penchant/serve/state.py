"""Users as they are now: what the release knows of them, and what they did since.

Nothing is copied: a user is put together from the release and their live events when somebody asks, and kept until there is
a newer one. Where the log itself is asked, an acknowledged event counts in the very next request, after a restart too.

Letters: n events of a user.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE, action_code
from penchant.data.vocabulary import Vocabulary
from penchant.serve.choices import Choice, Choices
from penchant.serve.events import LiveEvent, Positions, UserEvents
from penchant.users.state import OPINIONS

UNDO = "undo"
_UNDO = -1  # among action codes
_LIKE = ACTION_CODE["like"]
_AVERSIONS = (ACTION_CODE["dislike"], ACTION_CODE["hide"])
_OPINIONS = tuple(ACTION_CODE[name] for name in sorted(OPINIONS - {UNDO}))
#: The history of nobody in particular.
NOBODY = Histories.of([[]])
_NO_TIME = -1


@dataclass(frozen=True)
class Past:
    """n things done, in the order they arrived. As ``Person.past``: what stands, oldest first.

    Attributes:
        items: int32[n].
        actions: int8[n], codes of ``schema.ACTIONS``; -1 takes back the newest opinion of the item.
        times: int64[n], UTC seconds; -1 where nobody knows.
        live: bool[n], whether it came from the log.
    """

    items: np.ndarray
    actions: np.ndarray
    times: np.ndarray
    live: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    def __add__(self, other: Past) -> Past:
        return Past(*(np.concatenate(pair) for pair in zip(self._columns(), other._columns(), strict=True)))

    def take(self, places: np.ndarray) -> Past:
        """The entries at ``places``, or where a mask holds."""
        return Past(*(column[places] for column in self._columns()))

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.items, self.actions, self.times, self.live

    @classmethod
    def of(cls, events: Sequence[tuple[int, str | None, int | None]], *, live: bool) -> Past:
        """From (item code, action, UTC seconds) each."""
        return cls(
            np.array([item for item, _, _ in events], np.int32),
            np.array([_UNDO if action == UNDO else action_code(action) for _, action, _ in events], np.int8),
            np.array([_NO_TIME if time is None else time for _, _, time in events], np.int64),
            np.full(len(events), live),
        )


_NOTHING = Past.of([], live=True)


@dataclass(frozen=True)
class Person:
    """A user at one moment.

    Attributes:
        known: Whether the user was in training.
        past: What stands, oldest first, without opinions that were taken back, and without what concerns hidden items.
        history: The same as one row for the models.
        hidden: Items kept out of the user's lists (hidden or disliked), newest first.
        liked: Items whose newest opinion is a like, newest first.
        personalised: Whether lists may follow them.
    """

    user_id: str | None
    known: bool
    past: Past
    history: Histories
    hidden: tuple[int, ...]
    liked: tuple[int, ...]
    personalised: bool = True


_USUAL = Choice()


class Visitors:
    """Numbers below 0 for users whom the release does not know, so that a row of codes can tell them apart.

    Args:
        most: Users remembered; who came first is forgotten first, and gets another number.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._codes: OrderedDict[str, int] = OrderedDict()
        self._ids: dict[int, str] = {}
        self._next = -1
        self._lock = threading.Lock()

    def code(self, user_id: str) -> int:
        """The number of a user; a new one for a new user."""
        with self._lock:
            if (code := self._codes.get(user_id)) is None:
                code, self._next = self._next, self._next - 1
                self._codes[user_id], self._ids[code] = code, user_id
                if len(self._codes) > self.most:
                    del self._ids[self._codes.popitem(last=False)[1]]
            return code

    def drop(self, user_id: str) -> None:
        """Take a user's number back."""
        with self._lock:
            self._ids.pop(self._codes.pop(user_id, 0), None)

    def user_id(self, code: int) -> str | None:
        """Whose number it is; None if it was forgotten, or given to nobody."""
        return self._ids.get(code)


class LiveState:
    """The users of a release, and what they did since.

    In its rows, ``users`` holds codes of the release, numbers below 0 for visitors, and 0 where nobody in particular is meant.

    Args:
        catalog: N items; events of other items are skipped.
        users: Users of the release.
        histories: Their rows, in code order.
        events: What happened since.
        positions: In the log, by partition: what users did before is in ``histories`` already.
        choices: Whether it may be used, and from when on; None: all of it.
        most_users: Users kept in memory.
        most_events: Newest live events of a user that count.
    """

    def __init__(
        self,
        catalog: Catalog,
        users: Vocabulary,
        histories: Histories,
        events: UserEvents,
        *,
        positions: Positions | None = None,
        choices: Choices | None = None,
        most_users: int = 10_000,
        most_events: int = 2_000,
    ) -> None:
        self.catalog, self.users, self.histories, self.events, self.choices = catalog, users, histories, events, choices
        self.positions = dict(positions or {})
        self.most_users, self.most_events = most_users, most_events
        self._kept: OrderedDict[str, tuple[tuple[int, Choice], Person]] = OrderedDict()  # with what they are good for
        self._lock = threading.Lock()
        self._visitors = Visitors(2 * most_users)  # whoever is kept has a number

    def user_id(self, code: int) -> str | None:
        """Who is meant by a number among ``Histories.users``; None for nobody in particular, and for visitors of long ago."""
        return self.users.ids[code - 1] if code > 0 else self._visitors.user_id(code)

    def history(self, user_id: str) -> Histories:
        """One row: what the models see of a user."""
        return self.person(user_id).history

    def person(self, user_id: str) -> Person:
        """A user as of now; one whom nobody knows has no past.

        Raises:
            StorageError: Their events cannot be read.
        """
        choice = self._choice(user_id)
        newest = self.events.last_of_user(user_id)
        with self._lock:
            kept = self._kept.get(user_id)
            if kept is not None and kept[0] == (newest, choice):
                self._kept.move_to_end(user_id)
                return kept[1]
        events = self.events.of_user(user_id, self.most_events) if newest else []
        person = self._person(user_id, self._before(user_id, choice) + self._logged(events, choice), choice)
        with self._lock:
            self._kept[user_id] = ((newest, choice), person)
            self._kept.move_to_end(user_id)
            while len(self._kept) > self.most_users:
                self._kept.popitem(last=False)
        return person

    def as_released(self, user_id: str) -> Person:
        """A user as the release knows them, for when their events cannot be read."""
        choice = self._choice(user_id)
        return self._person(user_id, self._before(user_id, choice), choice)

    def unkept(self, user_id: str) -> Person:
        """A user as of now, without keeping them in memory: for work on many of whom nobody asks for a list.

        Raises:
            StorageError: Their events cannot be read.
        """
        return self.with_events(user_id, _NOTHING)

    def holds(self, user_id: str) -> bool:
        """Whether a user is kept in memory."""
        with self._lock:
            return user_id in self._kept

    def drop(self, user_id: str) -> bool:
        """Let go of a user in memory; whether one was kept."""
        self._visitors.drop(user_id)
        with self._lock:
            return self._kept.pop(user_id, None) is not None

    def with_events(self, user_id: str | None, events: Past) -> Person:
        """Somebody (of the log, or nobody in particular) who also did ``events``, which are not logged."""
        if user_id is None:
            return self._person(None, events, _USUAL, timed=len(events) > 0 and bool((events.times != _NO_TIME).all()))
        choice = self._choice(user_id)
        before = self._before(user_id, choice) + self._logged(self.events.of_user(user_id, self.most_events), choice)
        return self._person(user_id, before + events, choice)

    def _choice(self, user_id: str) -> Choice:
        return _USUAL if self.choices is None else self.choices.one(user_id)

    def _person(self, user_id: str | None, past: Past, choice: Choice, *, timed: bool | None = None) -> Person:
        timed = self.histories.timed if timed is None else timed
        stands, hidden, liked = standing(past)
        past = past.take(stands)
        if timed:
            past = past.take(np.argsort(past.times, kind="stable"))  # a late report of an old event goes to its place
        code = 0 if user_id is None else self._code(user_id, choice) or self._visitors.code(user_id)
        history = Histories.of(
            [past.items],
            actions=[past.actions],
            times=[past.times] if timed else None,
            domains=[self.catalog.domain_codes[past.items]],
            users=[code],
        )
        return Person(user_id, code > 0, past, history, hidden, liked, choice.personalised)

    def _code(self, user_id: str, choice: Choice) -> int:
        """The user's number in the release; 0 of who is unknown or was forgotten."""
        return int(self.users.encode([user_id])[0]) if choice.forgotten is None else 0

    def _before(self, user_id: str, choice: Choice) -> Past:
        """What the release knows."""
        code = self._code(user_id, choice)
        h = self.histories
        row = slice(h.offsets[code - 1], h.offsets[code]) if code else slice(0, 0)
        items = h.items[row]
        times = h.times[row] if h.timed else np.full(len(items), _NO_TIME, np.int64)
        return Past(items, h.actions[row], times, np.zeros(len(items), bool))

    def _logged(self, events: Sequence[LiveEvent], choice: Choice) -> Past:
        """What came after the release's events, and aversions of before: no release holds these.

        Of who was forgotten nothing in the release is read, so all that was logged since counts.
        """
        items = self.catalog.items.encode([event.item_id for event in events])
        known = [(event, int(item)) for item, event in zip(items, events, strict=True) if item]
        positions = self.positions if choice.forgotten is None else {}
        old = np.array([event.offset < positions.get(event.partition, 0) for event, _ in known], bool)
        past = Past.of([(item, event.event, event.timestamp) for event, item in known], live=True)
        if not old.any():
            return past
        before = past.take(old)
        _, hidden, _ = standing(before)
        averse = np.isin(before.actions, _AVERSIONS) & np.isin(before.items, np.array(hidden, np.int32))
        return before.take(averse) + past.take(~old)


def standing(past: Past) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """What is left of ``past`` when every opinion that was taken back is gone.

    Of several opinions of one item the newest counts. Models read every event as interest, so hides and dislikes are
    never among what stands, and neither is anything about an item that is hidden or disliked now.

    Returns:
        bool[n]: what stands; items that are hidden or disliked; items that are liked (both newest first).
    """
    stands = past.actions != _UNDO
    opinions: dict[int, list[int]] = {}  # item -> places of its opinions that were not taken back
    for place in np.flatnonzero(np.isin(past.actions, (*_OPINIONS, _UNDO))).tolist():
        stack = opinions.setdefault(int(past.items[place]), [])
        if past.actions[place] != _UNDO:
            stack.append(place)
        elif stack:
            stands[stack.pop()] = False
    newest = sorted(((stack[-1], item) for item, stack in opinions.items() if stack), reverse=True)
    liked = tuple(item for place, item in newest if past.actions[place] == _LIKE)
    hidden = tuple(item for place, item in newest if past.actions[place] != _LIKE)
    stands &= ~np.isin(past.actions, _AVERSIONS) & ~np.isin(past.items, np.array(hidden, np.int32))
    return stands, hidden, liked
