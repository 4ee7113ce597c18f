"""Whether a thought about a user is borne out by the user's events: sentence by sentence.

A thought may lead to the right category for reasons that are made up. So every category and title it names is looked up among what the
user chose, and a sentence that names another one, or says what cannot be looked up, is told apart.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from penchant.data.catalog import Catalog
from penchant.evaluate.facts import Checker, Evidence, Names, Statement
from penchant.users.categories import CategoryTree

_ENDS = (".", "!", "?", '"', "”")
_OF_ITEMS, _OF_USERS = "what the item is", "what the user chose"  # in reasons of the checker, which mostly is asked about items


class ThoughtChecker:
    """Looks up what thoughts say.

    Args:
        catalog: Titles that could be named.
        tree: Categories that could be named.
    """

    def __init__(self, catalog: Catalog, tree: CategoryTree) -> None:
        self._titles, self._tree = catalog.titles(), tree
        self._checker = Checker(Names(self._titles, tree.names[1:]), ())

    def check(self, thought: str, history: np.ndarray) -> list[Statement]:
        """Each sentence of a thought, looked up.

        Args:
            thought: About the user.
            history: Codes of the user's items.
        """
        ends = (self._tree.items[history] @ self._tree.above).sum(axis=0)
        names = tuple(self._tree.names[category] for category in np.flatnonzero(np.asarray(ends).ravel()) if category)
        had = {self._titles[item - 1]: frozenset[str]() for item in history.tolist()}
        found = [
            replace(one, wrong=one.wrong.replace(_OF_ITEMS, _OF_USERS))
            for one in self._checker.check(thought, Evidence("", names, had, names))
        ]
        if found and found[-1].supported and not thought.rstrip().endswith(_ENDS):
            found[-1] = replace(found[-1], wrong="it was cut: half of a sentence may say what the whole would not")
        return found
