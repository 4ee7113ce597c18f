"""What recipes about explanations share: an item of each user's list, with all that may be said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from penchant.claims.lab import Lab
from penchant.data.histories import Histories
from penchant.models.retrieval.linear import LinearItemModel, ease
from penchant.pipeline.explanations import Case, Explanations
from penchant.pipeline.reasons import ByScores, reasons
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits


@dataclass
class Grounds:
    """Recommends an item and knows why.

    Attributes:
        ranker: Recommends, and names the events that drove an item.
        made: Puts it into words.
        portraits: Tell users' interests.
    """

    ranker: LinearItemModel
    made: Explanations
    portraits: Portraits

    @classmethod
    def of(cls, lab: Lab) -> Self:
        """Fitted to what a lab may see."""
        return cls(ease(lab.train, lab.num_items), Explanations(lab.catalog), Portraits.fit(lab.train, CategoryTree.of(lab.catalog)))

    def cases(self, histories: Histories) -> list[Case]:
        """The first item of each list, with its facts.

        Args:
            histories: R rows.
        """
        listed = self.ranker.recommend(histories, 1, exclude=histories).items
        found = []
        for row in range(len(histories)):
            history = histories.take(np.array([row]))
            driven = reasons(ByScores(self.ranker), self.made.catalog, history, listed[row])
            items = [(int(item), reason) for item, reason in zip(listed[row], driven, strict=True)]
            found += self.made.cases(history, self.portraits.of(history), items)
        return found
