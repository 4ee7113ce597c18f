"""What a model reads of a user, and what is known of the categories without one.

Letters: N items, G categories at the top of the tree, n users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from penchant.core.errors import require
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.llm.quoting import plain
from penchant.users.categories import CategoryTree

_OFTEN, _NEWEST = 3, 5  # categories, and items, that are told
_TITLE = 36  # characters
_NOTHING = "nothing yet"


@dataclass(frozen=True)
class Situation:
    """A user, in words that somebody else wrote.

    Attributes:
        long: Names of the categories that come most often.
        newest: Titles and categories of the newest items, the newest one first.
        lately: Names of the categories of the newest item.
    """

    long: str
    newest: str
    lately: str


class Situations:
    """Tells users' histories, and weighs categories by events alone.

    Args:
        catalog: N items with categories.

    Raises:
        InputError: No item has a category.
    """

    def __init__(self, catalog: Catalog) -> None:
        tree = CategoryTree.of(catalog)
        top = np.flatnonzero((tree.parents == 0) & (np.arange(len(tree.parents)) > 0))
        require(len(top) > 0, "a catalogue without categories", "interests are told by them", "give items categories")
        self.labels = tuple(tree.names[one] for one in top)
        self.items = sparse.csc_matrix(tree.items @ tree.above)[:, top].toarray().astype(np.float64)
        self._titles = catalog.titles()

    def wanted(self, item: int) -> frozenset[int]:
        """Places among the labels of an item's categories.

        Args:
            item: Its code.
        """
        return frozenset(np.flatnonzero(self.items[item]).tolist())

    def weights(self, history: np.ndarray) -> np.ndarray:
        """float64[G], the share of each category in a user's events: the long-term portrait, without any model.

        Args:
            history: Codes of items.
        """
        found = self.items[history].sum(axis=0)
        return found / max(float(found.sum()), 1e-12)

    def shares(self, histories: Histories) -> dict[str, float]:
        """By label, its share of all events, none of them nothing: how popular each is.

        Args:
            histories: Whose events are counted.
        """
        found = self.weights(histories.items) + 1e-4
        return dict(zip(self.labels, (found / found.sum()).tolist(), strict=True))

    def of(self, history: np.ndarray) -> Situation:
        """A user's situation.

        Args:
            history: Codes of items, oldest first.
        """
        weights = self.weights(history)
        often = [place for place in np.argsort(-weights, kind="stable")[:_OFTEN] if weights[place] > 0]
        newest = [int(item) for item in history[-_NEWEST:][::-1]]
        told = [f"{plain(self._titles[item - 1], _TITLE)} ({self._names(self.wanted(item))})" for item in newest]
        lately = self._names(self.wanted(newest[0])) if newest else _NOTHING
        return Situation(self._names(often) or _NOTHING, "; ".join(told) or _NOTHING, lately)

    def _names(self, places: Sequence[int] | frozenset[int]) -> str:
        places = sorted(places) if isinstance(places, frozenset) else places
        return ", ".join(self.labels[place] for place in places)


def held_out(histories: Histories) -> tuple[Histories, np.ndarray]:
    """Histories without each user's newest event, and that event's item: what is told, and what comes next.

    Args:
        histories: n users with at least one event each.

    Raises:
        InputError: One has no event.
    """
    require(bool((histories.lengths > 0).all()), "a user without events", "the newest event is held out", "leave such users out")
    return histories.without_last(1), histories.last(1).items
