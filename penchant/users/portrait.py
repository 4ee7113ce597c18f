"""A portrait of a user from events alone, without a model of language: what everything else that describes people is held against.

Three layers of interests over the tree of categories: *short-term* (the newest events), *long-term* (all of them) and *potential*
(categories the user has nothing of, but people alike have). Beside them what is rare but comes again and again, and what is due to be
bought again. Every interest names the events it stands on.

Letters: n events, N items, G categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import polars as pl
from pydantic import Field
from scipy import sparse

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.users.categories import CategoryTree
from penchant.users.decay import DAY
from penchant.users.potential import Adoption
from penchant.users.repurchase import Cycles, Pairs, Purchases
from penchant.users.together import AGAINST

#: Of a portrait, by attribute.
LAYERS = ("short", "long", "potential", "rare", "due")
_MONTH = 30 * DAY
_BOUGHT = ACTION_CODE["purchase"]
_AGAINST = [ACTION_CODE[name] for name in AGAINST if name in ACTION_CODE]


class PortraitSettings(Settings):
    """What counts as what."""

    short_days: int = Field(default=30, ge=1, description="before a user's newest event that are short-term")
    short_events: int = Field(default=20, ge=1, description="newest events that are short-term where days do not tell")
    least: float = Field(default=0.01, ge=0, lt=1, description="share of a layer from which an interest is told")
    potential: int = Field(default=10, ge=0, description="potential interests told, at most")
    strongest: int = Field(default=50, ge=1, description="long-term interests that potential ones are told by")
    rare: float = Field(default=0.02, gt=0, lt=1, description="share of all events up to which an interest is rare")
    months: int = Field(default=3, ge=2, description="different months in which a rare interest has to come")
    due_days: int = Field(default=28, ge=1, description="for which what is due is told")
    due: int = Field(default=10, ge=0, description="categories told that are due, at most")
    evidence: int = Field(default=3, ge=0, description="events told of an interest, the newest")


@dataclass(frozen=True)
class Interest:
    """A category and what it means to a user.

    Attributes:
        category: Number in the tree.
        path: Names from broad to narrow.
        weight: Share of the layer's events; of a potential one how probable it is against the most probable one.
        evidence: Items of the newest events that it stands on; of a potential interest none.
    """

    category: int
    path: tuple[str, ...]
    weight: float
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True)
class DueSoon:
    """A category that is bought again and again.

    Attributes:
        days: Until the next purchase, as likely earlier as later.
        chance: Of a purchase within the days that were asked for.
    """

    category: int
    path: tuple[str, ...]
    days: float
    chance: float
    evidence: tuple[int, ...] = ()


@dataclass(frozen=True)
class Portrait:
    """A user as events show them; what they turned down does not count.

    Attributes:
        events: Number of them.
        newest: When the newest one was; None where nobody knows.
        short, long: Interests by weight, small ones left out. A weight is a share of the layer's events with a category; a parent's is
            its children's and its own, and those at the top add up to 1 with what is left out.
        potential: Categories that the user has nothing of.
        rare: Interests of few events which have come in several months.
        due: What is bought again within the days that count as soon, the most probable first.
    """

    events: int
    newest: int | None
    short: tuple[Interest, ...] = ()
    long: tuple[Interest, ...] = ()
    potential: tuple[Interest, ...] = ()
    rare: tuple[Interest, ...] = ()
    due: tuple[DueSoon, ...] = ()

    def plain(self, item_ids: Sequence[str] | pl.Series) -> dict[str, Any]:
        """JSON values; ``item_ids`` in code order.

        Key-value form: one key a layer, and below each interest path, weight and the ids of its evidence.
        """

        def told(one: Interest | DueSoon) -> dict[str, Any]:
            numbers = {name: round(value, 4) for name, value in vars(one).items() if isinstance(value, float)}
            return {"path": list(one.path), **numbers, "evidence": [item_ids[item - 1] for item in one.evidence]}

        layers = {name: [told(one) for one in getattr(self, name)] for name in LAYERS}
        return {"events": self.events, "newest": self.newest, **layers}

    def without(self, paths: Sequence[Sequence[str]]) -> Self:
        """The same portrait without some interests, and all below them."""
        gone = [tuple(path) for path in paths]

        def left(layer: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(one for one in layer if not any(one.path[: len(path)] == path for path in gone))

        return replace(self, **{name: left(getattr(self, name)) for name in LAYERS}) if gone else self

    def prose(self) -> str:
        """A few sentences, each of which the events bear out."""
        if not self.events:
            return "Nothing is known of this user."
        said = [f"{self.events:,} event{'s' * (self.events != 1)}"]
        for lead, interests in (("mostly ", self.long), ("lately ", self.short)):
            if named := _named(interests, share=True):
                said.append(lead + named)
        sentences = [", ".join(said) + "."]
        if named := _named(self.rare):
            sentences.append(f"Seldom, but again and again: {named}.")
        if named := _named(self.potential):
            sentences.append(f"People alike also have {named}.")
        if self.due:
            soon = ", ".join(f"{one.path[-1]} (in about {max(one.days, 0):.0f} days)" for one in self.due[:3])
            sentences.append(f"Due to be bought again: {soon}.")
        return " ".join(sentences)


class Portraits:
    """Makes portraits. Fitted on the events of many users; any history can be asked for. Nothing in it is of single users.

    Args:
        tree: Categories of the N items.
        adoption: How they go together.
        cycles: When they are bought again; None where nothing is bought or nobody knows when.
        settings: What counts as what.
    """

    def __init__(self, tree: CategoryTree, adoption: Adoption, cycles: Cycles | None, settings: PortraitSettings | None = None) -> None:
        self.tree, self.adoption, self.cycles, self.settings = tree, adoption, cycles, settings or PortraitSettings()

    @classmethod
    def fit(cls, histories: Histories, tree: CategoryTree, settings: PortraitSettings | None = None) -> Self:
        """Learn how categories go together and when they are bought again, from users' events."""
        histories = in_favour(histories)
        own = sparse.csr_matrix(
            (np.ones(histories.num_events, np.float32), (histories.rows, histories.items)),
            shape=(len(histories), len(tree.items.indptr) - 1),
        )
        has = (own @ tree.items) @ tree.above > 0
        bought, cycles = histories.where(histories.actions == _BOUGHT), None
        if histories.timed and bought.num_events and len(tree):
            users, until = int(histories.users.max(initial=0)), int(histories.times.max()) // DAY + 1
            fitted = Cycles.fit(Purchases.of(bought, tree.kinds), until, users=users, kinds=len(tree))
            cycles = replace(fitted, shifts=np.zeros(1))  # how a user deviates is told by the history that is asked for
        return cls(tree, Adoption.of(has), cycles, settings)

    def of(self, history: Histories, now: int | None = None) -> Portrait:
        """The portrait of one row, in some milliseconds.

        Args:
            history: One row.
            now: UTC seconds as of which something is due; by default the newest event's.

        Raises:
            InputError: It has another number of rows.
        """
        require(len(history) == 1, f"{len(history)} histories", "a portrait is of one user", "pass one row")
        history = in_favour(history)
        if not history.num_events:
            return Portrait(0, None, potential=self._potential(np.zeros(len(self.tree) + 1)))
        newest = int(history.times.max()) if history.timed else None
        whole = _Seen.of(history, self.tree)
        lately = whole.where(self._recent(history, newest))
        long, short = (self._weights(seen) for seen in (whole, lately))
        return Portrait(
            history.num_events,
            newest,
            self._told(short, lately),
            self._told(long, whole),
            self._potential(long),
            self._rare(long, history, whole),
            self._due(history, newest if now is None else now),
        )

    def vector(self, portrait: Portrait, means: np.ndarray, *, short: float = 0.5) -> np.ndarray:
        """float32[D], the portrait as a unit vector: the mean vectors of its interests, weighed.

        Args:
            means: float32[G + 1, D] of the categories, see ``CategoryTree.means``.
            short: What short-term interests say beside long-term ones.
        """
        weights = np.zeros(len(self.tree) + 1)
        for share, layer in ((short, portrait.short), (1 - short, portrait.long)):
            for one in layer:  # what its children say is told by them
                weights[one.category] += share * one.weight
                weights[self.tree.parents[one.category]] -= share * one.weight
        weights[0] = 0.0
        found = np.maximum(weights, 0.0) @ means
        return (found / max(float(np.linalg.norm(found)), 1e-12)).astype(np.float32)

    def _weights(self, seen: _Seen) -> np.ndarray:
        """float64[G + 1], shares of what is in each category or below; together 1 at the top."""
        own = np.asarray(seen.ends.sum(axis=0), np.float64).ravel()
        return self.tree.summed(own) / max(float(own.sum()), 1e-12)

    def _recent(self, history: Histories, newest: int | None) -> np.ndarray:
        """bool[n], the short-term events: of the newest days, or of all that happened in these the newest ones."""
        few = np.arange(history.num_events) >= history.num_events - self.settings.short_events
        if newest is None:
            return few
        near = history.times > newest - self.settings.short_days * DAY
        return few if near.all() else near

    def _told(self, weights: np.ndarray, seen: _Seen) -> tuple[Interest, ...]:
        chosen = np.flatnonzero(weights >= max(self.settings.least, 1e-12))
        return self._interests(chosen, weights, seen)

    def _interests(self, chosen: np.ndarray, weights: np.ndarray, seen: _Seen) -> tuple[Interest, ...]:
        """Categories by weight, with the events they stand on."""
        return tuple(
            Interest(one, self.tree.path(one), float(weights[one]), seen.newest(one, self.settings.evidence))
            for one in chosen[np.lexsort((chosen, -weights[chosen]))].tolist()
        )

    def _potential(self, weights: np.ndarray) -> tuple[Interest, ...]:
        had = weights > 0
        strongest = np.argsort(-weights, kind="stable")[: self.settings.strongest]
        scores = self.adoption.scores(strongest[had[strongest]])
        open_ = np.flatnonzero(~had & (self.adoption.common > 0))
        best = open_[np.lexsort((open_, -scores[open_]))][: self.settings.potential]
        if not len(best):
            return ()
        return tuple(Interest(int(one), self.tree.path(int(one)), float(np.exp(scores[one] - scores[best[0]]))) for one in best)

    def _rare(self, weights: np.ndarray, history: Histories, seen: _Seen) -> tuple[Interest, ...]:
        """Narrowest categories of few events in several months."""
        if not history.timed:
            return ()
        events, categories = seen.ends.nonzero()
        came = np.unique(history.times[events] // _MONTH * len(weights) + categories)  # each once a month
        months = np.bincount(came % len(weights), minlength=len(weights))
        return self._interests(np.flatnonzero((months >= self.settings.months) & (weights <= self.settings.rare)), weights, seen)

    def _due(self, history: Histories, now: int | None) -> tuple[DueSoon, ...]:
        if self.cycles is None or now is None or not history.timed:
            return ()
        bought = history.where((history.actions == _BOUGHT) & (history.times < (now // DAY + 1) * DAY))
        pairs = Pairs.of(Purchases.of(bought, self.tree.kinds)) if bought.num_events else None
        if pairs is None or not len(pairs):
            return ()
        pairs = replace(pairs, users=np.ones_like(pairs.users))
        due = self.cycles.of(pairs, 1).due(pairs, now // DAY + 1, within=self.settings.due_days)
        again = np.flatnonzero((pairs.intervals > 0) & (due.days <= self.settings.due_days))  # what was bought once has no cycle yet
        best = again[np.lexsort((due.kinds[again], -due.chance[again]))][: self.settings.due]
        seen = _Seen.of(bought, self.tree)
        return tuple(
            DueSoon(kind, self.tree.path(kind), float(due.days[one]), float(due.chance[one]), seen.newest(kind, self.settings.evidence))
            for one, kind in zip(best.tolist(), due.kinds[best].tolist(), strict=True)
        )


@dataclass(frozen=True)
class _Seen:
    """The categories of n events, oldest first.

    Attributes:
        items: int32[n].
        ends: float32[n, G + 1], categories that each ends in.
        below: The same with all above them, by columns.
    """

    items: np.ndarray
    ends: sparse.csr_matrix
    below: sparse.csc_matrix

    @classmethod
    def of(cls, history: Histories, tree: CategoryTree) -> Self:
        ends = tree.items[history.items]
        below = (ends @ tree.above).tocsc()
        below.sort_indices()
        return cls(history.items, ends, below)

    def where(self, which: np.ndarray) -> Self:
        """Those of bool[n]."""
        return type(self)(self.items[which], self.ends[which], self.below[which])

    def newest(self, category: int, most: int) -> tuple[int, ...]:
        """Newest distinct items in a category or below it."""
        found: dict[int, None] = {}
        for event in self.below.indices[self.below.indptr[category] : self.below.indptr[category + 1]][::-1].tolist():
            if len(found) >= most:
                break
            found[int(self.items[event])] = None
        return tuple(found)


def in_favour(histories: Histories) -> Histories:
    """Without what was turned down."""
    return histories.where(~np.isin(histories.actions, _AGAINST))


def _named(interests: Sequence[Interest], *, share: bool = False, most: int = 3) -> str:
    """The narrowest of the strongest interests, as words."""
    above = {one.path[:depth] for one in interests for depth in range(1, len(one.path))}
    narrow = [one for one in interests if one.path not in above][:most]
    words = [f"{one.path[-1]} ({one.weight:.0%})" if share else one.path[-1] for one in narrow]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
