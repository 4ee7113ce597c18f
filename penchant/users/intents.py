"""Intents across domains: what somebody's categories in other domains say of one they have nothing, or hardly anything, of.

A domain is a category at the top of the tree. Of each pair of categories g and t in different domains it is counted how many users have
both, against how many would if g said nothing. As who buys much in a domain has more of all that is in it, users are first put into
strata s by how many categories of t's domain they have:

    lift(g, t) = log (both(g, t) + k) / (expected(g, t) + k),    expected(g, t) = sum over s of has(g, s) * share(t | s)

where k holds back what few users show. What a user has then says of t, with rare categories counting for more:

    z(t) = sum over g of w(g) * lift(g, t) / sqrt(sum over g of w(g)^2),    w(g) = log(users / has(g))

``exp(temper * z(t))`` is the strength of an intent: how many times as probable as among all whose domain is as broad. An item's score is
the logarithm of its share of users, and ``temper`` times the z of its category.

Letters: U users, B rows, N items, G categories, K of them that are counted, S strata.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import Field
from scipy import sparse

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.users.categories import CategoryTree
from penchant.users.lifts import lifts, roots
from penchant.users.portrait import in_favour


class IntentSettings(Settings):
    """How intents are counted and told."""

    strata: int = Field(default=8, ge=1, description="of users by how much of a domain they have")
    prior: float = Field(default=10.0, gt=0, description="users as if expected and seen, beside those who were")
    users: int = Field(default=5, ge=1, description="that a category has, to be counted")
    most: int = Field(default=2_000, ge=1, description="categories counted, those of most users; pairs take as many numbers squared")
    temper: float = Field(default=0.5, gt=0, description="how much what categories say counts, as they do not come independently")
    hardly: float = Field(default=0.1, ge=0, description="of the usual share of events in a domain, up to which a user has hardly any")
    common: float = Field(default=0.01, ge=0, le=1, description="share of users that have a category, from which an intent is told of it")
    told: int = Field(default=10, ge=0, description="intents told, at most")
    each: int = Field(default=3, ge=1, description="intents told of a domain, at most")
    sources: int = Field(default=3, ge=1, description="categories told that an intent stands on, those which say most")


@dataclass(frozen=True)
class Source:
    """A category of another domain that an intent stands on.

    Attributes:
        category: Number in the tree.
        path: Names from broad to narrow.
        share: Of all that speaks for the intent.
        item: The one in it that the user had most events of.
    """

    category: int
    path: tuple[str, ...]
    share: float
    item: int


@dataclass(frozen=True)
class Intent:
    """A category that a user may want next, in a domain they have nothing or hardly anything of.

    Attributes:
        category: Number in the tree.
        path: Names from broad to narrow; the first is the domain.
        strength: How many times as probable as among all who have as much of the domain; above 1.
        sources: What says so, the most telling first; never empty.
    """

    category: int
    path: tuple[str, ...]
    strength: float
    sources: tuple[Source, ...]

    @property
    def evidence(self) -> tuple[int, ...]:
        """Items of the sources."""
        return tuple(dict.fromkeys(one.item for one in self.sources))


@dataclass(frozen=True)
class Intents:
    """What categories of one domain say of those in others. Fitted on the events of many users; nothing in it is of single ones.

    Attributes:
        tree: Categories of the N items.
        kept: int64[K], the categories that are counted.
        common: float32[K], share of users that have each.
        lift: float32[K, K], see above, from the row's to the column's; 0 within a domain.
        usual: float32[G + 1], share of all events in each domain, by its category; 0 at the others.
        shares: float32[N + 1], share of users that have each item.
        settings: How intents are counted and told.
    """

    tree: CategoryTree
    kept: np.ndarray
    common: np.ndarray
    lift: np.ndarray
    usual: np.ndarray
    shares: np.ndarray
    settings: IntentSettings

    @classmethod
    def fit(cls, histories: Histories, tree: CategoryTree, settings: IntentSettings | None = None) -> Self:
        """Count over users' events.

        Args:
            histories: U rows.
            tree: Categories of their items.
            settings: How intents are counted and told.
        """
        settings, histories = settings or IntentSettings(), in_favour(histories)
        own = _own(histories, tree)
        has = _ones(own @ tree.items)
        counts = np.asarray(has.sum(axis=0)).ravel()
        counts[0] = 0
        kept = np.argsort(-counts, kind="stable")[: settings.most]
        kept = np.sort(kept[counts[kept] >= settings.users])
        users = max(len(histories), 1)
        usual = np.asarray((own @ tree.items).sum(axis=0)).ravel()
        usual = np.bincount(roots(tree), usual, minlength=len(usual)) / max(float(usual.sum()), 1e-12)
        return cls(
            tree,
            kept,
            (counts[kept] / users).astype(np.float32),
            lifts(has[:, kept], roots(tree)[kept], count=settings.strata, prior=settings.prior),
            usual.astype(np.float32),
            (np.asarray(_ones(own).sum(axis=0)).ravel() / users).astype(np.float32),
            settings,
        )

    @cached_property
    def roots(self) -> np.ndarray:
        """int64[G + 1], the domain of each category."""
        return roots(self.tree)

    @cached_property
    def within(self) -> sparse.csr_matrix:
        """bool[N + 1, G + 1], whether an item has a category of a domain."""
        told = sparse.csr_matrix((np.ones(len(self.roots)), (np.arange(len(self.roots)), self.roots)), shape=(len(self.roots),) * 2)
        return sparse.csr_matrix(self.tree.items @ told > 0)

    @cached_property
    def weights(self) -> np.ndarray:
        """float32[K], w: a rare category says more."""
        return -np.log(np.clip(self.common, 1e-9, 1.0))

    def items(self, domain: int) -> np.ndarray:
        """int64[n], the items of a domain, a category at the top of the tree."""
        return np.flatnonzero(self.within[:, [domain]].toarray().ravel())

    def scores(self, histories: Histories, domain: int) -> np.ndarray:
        """float32[B, n] of ``items(domain)``, by what rows have in other domains; what they have in this one is not looked at.

        Args:
            histories: B rows, in any order of events.
            domain: A category at the top of the tree.
        """
        items = self.items(domain)
        inside = np.zeros(len(self.shares), bool)
        inside[items] = True
        histories = in_favour(histories)
        has = _ones(_own(histories.where(~inside[histories.items]), self.tree) @ self.tree.items)[:, self.kept]
        ends = self.tree.items[items][:, self.kept]
        wanted = np.flatnonzero(np.asarray(ends.sum(axis=0)).ravel())
        z = self._told(sparse.csr_matrix(has), wanted)
        said = np.asarray(ends[:, wanted] @ z.T).T
        return (np.log(np.maximum(self.shares[items], 1e-9)) + self.settings.temper * said).astype(np.float32)

    def of(self, history: Histories) -> list[Intent]:
        """Intents of one row, the strongest first, in a millisecond or two; the order of its events does not matter.

        Raises:
            InputError: It has another number of rows.
        """
        require(len(history) == 1, f"{len(history)} histories", "intents are of one user", "pass one row")
        history = in_favour(history)
        items, counts = np.unique(history.items, return_counts=True)
        ends, inside = self.tree.items[items], self.within[items]
        events = np.asarray(counts @ ends).ravel()
        share = np.bincount(self.roots, events, minlength=len(events)) / max(float(events.sum()), 1e-12)
        open_ = (self.usual > 0) & (share <= self.settings.hardly * self.usual)
        source = ~np.asarray((inside @ open_.astype(np.float32)) > 0).ravel()  # what lies in an open domain says nothing
        told = ends[source][:, self.kept].tocsc()
        rows = np.flatnonzero(np.diff(told.indptr))
        if not len(rows):
            return []
        says = self.weights[rows] / max(float(np.linalg.norm(self.weights[rows])), 1e-12)
        z = says @ self.lift[rows]
        wanted = (events[self.kept] == 0) & open_[self.roots[self.kept]] & (self.common >= self.settings.common) & (z > 0)
        best = self._best(np.flatnonzero(wanted), z)
        known = _Known(told, items[source], counts[source])
        return [self._intent(one, float(z[one]), rows, says * self.lift[rows, one], known) for one in best]

    def _told(self, has: sparse.csr_matrix, wanted: np.ndarray) -> np.ndarray:
        """float32[B, m], z of some categories for rows that have those of bool[B, K]."""
        weighed = sparse.csr_matrix(has @ sparse.diags(self.weights))
        norms = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
        return np.asarray(weighed @ self.lift[:, wanted]) / np.maximum(norms, 1e-12)[:, None]

    def _best(self, wanted: np.ndarray, z: np.ndarray) -> list[int]:
        """The strongest, but not too many of one domain."""
        found: list[int] = []
        left: dict[int, int] = {}
        for one in wanted[np.lexsort((wanted, -z[wanted]))].tolist():
            domain = int(self.roots[self.kept[one]])
            left[domain] = left.get(domain, self.settings.each) - 1
            if left[domain] >= 0 and len(found) < self.settings.told:
                found.append(one)
        return found

    def _intent(self, one: int, z: float, rows: np.ndarray, says: np.ndarray, known: _Known) -> Intent:
        total = float(says[says > 0].sum())
        most = np.lexsort((rows, -says))[: self.settings.sources]
        sources = tuple(
            Source(int(self.kept[row]), self.tree.path(int(self.kept[row])), share, known.most_of(row))
            for row, share in zip(rows[most].tolist(), (says[most] / total).tolist(), strict=True)
            if share > 0
        )
        category = int(self.kept[one])
        return Intent(category, self.tree.path(category), float(np.exp(self.settings.temper * z)), sources)


@dataclass(frozen=True)
class _Known:
    """What one user had.

    Attributes:
        ends: float32[n, K], the counted categories of n distinct items, by columns.
        items: int32[n], in order.
        counts: int64[n], events of each.
    """

    ends: sparse.csc_matrix
    items: np.ndarray
    counts: np.ndarray

    def most_of(self, column: int) -> int:
        """The item of a category with the most events; of several the first in the catalogue."""
        rows = np.sort(self.ends.indices[self.ends.indptr[column] : self.ends.indptr[column + 1]])
        return int(self.items[rows[np.argmax(self.counts[rows])]])


def _own(histories: Histories, tree: CategoryTree) -> sparse.csr_matrix:
    """float32[B, N + 1], events of each row and item."""
    events = (np.ones(histories.num_events, np.float32), (histories.rows, histories.items))
    return sparse.csr_matrix(events, shape=(len(histories), tree.items.shape[0]))  # type: ignore[index]


def _ones(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """1 where there is something."""
    return sparse.csr_matrix(sparse.csr_matrix(counts) > 0, dtype=np.float32)
