"""Finding a user by a part of the id, or by what they did last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from penchant.data.histories import Histories
from penchant.data.vocabulary import Vocabulary
from penchant.serve.choices import Choices
from penchant.serve.events import UserEvents

RECENT = 3  # newest items of a user that are shown and searched
_VISITORS = 10_000  # newest live users that are looked through
_TITLE_LETTERS = 3  # shorter parts of a title match too much


class Directory:
    """The users of a release, and those who came since.

    Args:
        users: Of the release.
        histories: Their rows.
        titles: Of the items, in code order.
        events: Where others may have turned up.
        choices: Who is not to be found, as they were forgotten; None: nobody.
    """

    def __init__(
        self, users: Vocabulary, histories: Histories, titles: Sequence[str], events: UserEvents, choices: Choices | None = None
    ) -> None:
        self.users, self.events, self.choices = users, events, choices
        self._lower = users.ids.str.to_lowercase()
        self._titles = pl.Series(titles, dtype=pl.String).str.to_lowercase()
        self._recent = histories.last(RECENT)
        # Shorter ids first, so that numbers are in their order: 2 before 10.
        self._order = (
            pl.DataFrame({"length": users.ids.str.len_chars(), "id": users.ids})
            .select(pl.arg_sort_by("length", "id"))
            .to_series()
            .to_numpy()
        )

    def search(self, text: str, limit: int) -> tuple[list[str], int]:
        """User ids and how many match in all.

        In this order: the id itself; users who came after training (newest first) and users of the release whose id
        holds ``text``, ids that begin with it first; users whose newest items have ``text`` in their titles.
        """
        text = text.strip().lower()
        visitors = [user for user in self.events.users(_VISITORS) if text in user.lower() and user not in self.users]
        named = self._lower.str.contains(text, literal=True).to_numpy()
        begins = named & self._lower.str.starts_with(text).to_numpy()
        touched = self._touched(text) & ~named if len(text) >= _TITLE_LETTERS else np.zeros_like(named)
        groups = [self._order[mask[self._order]] for mask in (begins, named & ~begins, touched)]
        found = visitors + self.users.decode(np.concatenate(groups)[:limit] + 1)
        found.sort(key=lambda user: user.lower() != text)  # stable: only the id itself moves
        there = [user for user, gone in zip(found[:limit], self._gone(found[:limit]), strict=True) if not gone]
        return there, len(visitors) + sum(map(len, groups)) - (len(found[:limit]) - len(there))

    def _gone(self, users: Sequence[str]) -> list[bool]:
        """Whether each was forgotten and has not come back since."""
        if self.choices is None:
            return [False] * len(users)
        chosen = zip(users, self.choices.of(users), strict=True)
        return [choice.forgotten is not None and self.events.last_of_user(user) == 0 for user, choice in chosen]

    def _touched(self, text: str) -> np.ndarray:
        """bool[U], whether a title among the user's newest items holds ``text``."""
        holds = np.concatenate([[False], self._titles.str.contains(text, literal=True).to_numpy()])
        return np.bincount(self._recent.rows, weights=holds[self._recent.items], minlength=len(self._recent)) > 0
