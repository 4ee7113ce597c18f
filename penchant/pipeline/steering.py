"""Steering: what a person wants of one list, or of every list until they take it back.

What is ignored is taken out of the history before anything is made of it, so the list is exactly the one of somebody who
never did it: it excludes nothing on account of it, and no reason names it.

Letters: N items, C candidates, E events.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.goods import Goods
from penchant.users.decay import DAY

REACH = 8.0  # the factor on the score of what is wanted with all strength; what is not wanted is divided by it
MOST_WEIGHT = 1e6
_LOOKED_AT = 256  # most popular items of a name among which those near to the person are looked for
_INJECTED = 10  # items that a wish makes candidates


class Taste(Settings):
    """More or less of this.

    Attributes:
        items: Ids; what is like them counts as far as it is alike.
        categories: As in the catalogue.
        brands: As in the catalogue.
        strength: From -1 (as little as can be) to 1 (as much as can be). A score is multiplied by 8^(strength * likeness).
    """

    items: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    strength: float = Field(ge=-1, le=1, allow_inf_nan=False)


class Ignored(Settings):
    """Events from ``since`` on and before ``until``, UTC seconds; None: no end."""

    since: int | None = None
    until: int | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.since is None and self.until is None:
            raise ValueError("it says which events: give since, until or both")
        return self

    @classmethod
    def day(cls, days_ago: int, now: int, *, offset_minutes: int = 0) -> Self:
        """What was done on one day: from midnight to midnight.

        Args:
            days_ago: 0 is today.
            now: UTC seconds.
            offset_minutes: Of the person's clock, ahead of UTC.
        """
        shift = timedelta(minutes=offset_minutes)
        here = datetime.fromtimestamp(now, UTC) + shift
        start = here.replace(hour=0, minute=0, second=0, microsecond=0) - shift
        first = int(start.timestamp()) - days_ago * DAY
        return cls(since=first, until=first + DAY)

    @classmethod
    def older(cls, days: float, now: int) -> Self:
        """What was done more than so many days before ``now``."""
        return cls(until=int(now - days * DAY))


class Steering(Settings):
    """What a person asks for.

    Attributes:
        weights: Factors on the weights of generators, by name.
        tastes: More or less of this.
        ignore: Events that do not count.
        untold: Paths of interests that no reason names, with all below them: somebody took them out of the portrait.
    """

    weights: dict[str, float] = Field(default={})
    tastes: tuple[Taste, ...] = ()
    ignore: tuple[Ignored, ...] = ()
    untold: tuple[tuple[str, ...], ...] = ()

    def __add__(self, other: Steering) -> Steering:
        """Both; factors on one generator are multiplied, up to ``MOST_WEIGHT``."""
        named = {**self.weights, **other.weights}
        both = {name: self.weights.get(name, 1.0) * other.weights.get(name, 1.0) for name in named}
        weights = {name: min(weight, MOST_WEIGHT) if weight < np.inf else weight for name, weight in both.items()}
        tastes, ignore, untold = (*self.tastes, *other.tastes), (*self.ignore, *other.ignore), (*self.untold, *other.untold)
        return Steering(weights=weights, tastes=tastes, ignore=ignore, untold=untold)

    def edited(self, history: Histories) -> Histories:
        """The histories without what is ignored.

        Raises:
            InputError: They have no times to go by.
        """
        if not self.ignore or not history.num_events:
            return history
        require(
            history.timed, "ignore", "the events of this history have no times", "pass a timestamp with every event, or leave ignore out"
        )
        keep = np.ones(history.num_events, bool)
        for one in self.ignore:
            since, until = one.since or 0, np.inf if one.until is None else one.until
            keep &= (history.times < since) | (history.times >= until)
        if keep.all():
            return history
        # It is nobody's now: what is stored of the user was made of the whole of it.
        return replace(history.where(keep), users=np.zeros_like(history.users))

    def unknown(self, goods: Goods) -> list[str]:
        """Names that the catalogue does not have, such as ``"items: NO-SUCH"``; they change nothing."""
        fields = ("items", "categories", "brands")
        return [
            f"{field}: {name}"
            for taste in self.tastes
            for field in fields
            for name in getattr(taste, field)
            if not len(goods.named(field, name))
        ]

    def unwanted(self, goods: Goods) -> np.ndarray:
        """int64[...], distinct items of the categories that less is wanted of."""
        found = np.zeros(len(goods) + 1, bool)
        for taste in self.tastes:
            if taste.strength < 0:
                for name in taste.categories:
                    found[goods.named("categories", name)] = True
        return np.flatnonzero(found)


class Leaning:
    """A taste as a change of scores, see ``penchant.pipeline.rules.changes.Change``.

    Args:
        goods: N items.
        taste: As asked for.
    """

    label = None

    def __init__(self, goods: Goods, taste: Taste) -> None:
        self.goods, self.taste = goods, taste
        self._items = [int(code) for name in taste.items for code in goods.named("items", name)]
        self._groups = [goods.named(field, name) for field in ("categories", "brands") for name in getattr(taste, field)]

    def meant(self, items: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return self.likeness(items) > 0

    def likeness(self, items: np.ndarray) -> np.ndarray:
        """float32[C], 0..1: how much each item is what is meant."""
        found = np.zeros(len(items), np.float32)
        for group in self._groups:
            found[np.isin(items, group, kind="table")] = 1.0
        for item in self._items:
            found = np.maximum(found, self.goods.likeness(item, items))
        return np.minimum(found, 1.0)

    def inject(self, asked: Asked, barred: np.ndarray) -> np.ndarray:
        """See ``Change``: what is wanted, nearest to what the person did."""
        if self.taste.strength <= 0:
            return np.zeros(0, np.int32)
        groups = [*self._groups, *map(self.goods.kin, self._items)]
        popular = [group[~barred[group]][:_LOOKED_AT] for group in groups]
        items = np.unique(np.concatenate([np.zeros(0, np.int32), *popular]))
        return self.goods.nearest(self.goods.by_popularity(items), asked.history, _INJECTED)

    def factors(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """See ``Change``."""
        return (REACH ** (self.taste.strength * self.likeness(items))).astype(np.float32)
