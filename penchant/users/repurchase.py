"""Repeat purchases: of every user and product type, when the next one is due and how probable it is soon.

A renewal model with people who stop (a "cure" model: Boag, 1949). After a purchase there is another one with probability c; if so, the days
until then are lognormal. What a pair of user and type shows is shrunk towards what its type and its user show:

    mu_ut = (sum of log intervals + k (mu_t + b_u)) / (n + k),    c_ut = (n + m c_t) / (n + m)
    P(still a buyer after a days) = c S(a) / (c S(a) + 1 - c)
    P(buys within the next h days) = P(still a buyer) * (S(a) - S(a + h)) / S(a)

with S the lognormal's survival. c_t is found by expectation and maximisation, as who has not bought again yet may still do so. Right
after a purchase the chance is small and grows until the usual day: so what was just bought is not offered again.

Letters: P purchases, K pairs of user and type with a purchase, T types, U users.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from pydantic import Field
from scipy.special import log_ndtr, ndtri

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.users.decay import DAY

_ROUNDS = 30  # of expectation and maximisation
_NARROW = 0.1  # smallest deviation of log intervals: nobody is more regular than days can tell


@dataclass(frozen=True)
class Purchases:
    """Days on which a user bought something of a type, one a day, sorted by user, type and day.

    Attributes:
        users: int32[P].
        kinds: int32[P], types from 1 on.
        days: int32[P], days since 1970.
    """

    users: np.ndarray
    kinds: np.ndarray
    days: np.ndarray

    def __len__(self) -> int:
        return len(self.days)

    @classmethod
    def of(cls, histories: Histories, kinds: np.ndarray) -> Self:
        """From events and the type int[N + 1] of each item; 0 is none, and does not count."""
        require(histories.timed, "histories without times", "cycles are made of days", "pass histories with times")
        kind = kinds[histories.items]
        rows = np.stack([histories.users[histories.rows], kind, histories.times // DAY], axis=1)[kind > 0]
        users, kinds, days = np.unique(rows.astype(np.int32), axis=0).T
        return cls(users, kinds, days)

    def where(self, which: np.ndarray) -> Purchases:
        """Those of bool[P]."""
        return Purchases(self.users[which], self.kinds[which], self.days[which])

    def before(self, day: int) -> Purchases:
        """Those of earlier days."""
        return self.where(self.days < day)


@dataclass(frozen=True)
class Pairs:
    """What K pairs of user and type show.

    Attributes:
        users: int32[K].
        kinds: int32[K].
        last: int32[K], day of the newest purchase.
        intervals: int64[K], n: between purchases.
        sums: float64[K], of the logarithms of intervals in days.
        squares: float64[K], of their squares.
    """

    users: np.ndarray
    kinds: np.ndarray
    last: np.ndarray
    intervals: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def of(cls, purchases: Purchases) -> Self:
        """Count."""
        if not len(purchases):
            none, nothing = np.zeros(0, np.int32), np.zeros(0)
            return cls(none, none, none, none.astype(np.int64), nothing, nothing)
        same = (purchases.users[1:] == purchases.users[:-1]) & (purchases.kinds[1:] == purchases.kinds[:-1])
        place = np.concatenate([[0], np.cumsum(~same)])
        logs = np.log(np.diff(purchases.days)[same])
        ends = np.concatenate([np.flatnonzero(~same), [len(purchases) - 1]])
        count = len(ends)
        at = place[1:][same]
        return cls(
            purchases.users[ends],
            purchases.kinds[ends],
            purchases.days[ends],
            np.bincount(at, minlength=count),
            np.bincount(at, logs, count),
            np.bincount(at, logs**2, count),
        )


class RepurchaseSettings(Settings):
    """How much of a prior counts, in intervals."""

    kind: float = Field(default=10.0, gt=0, description="all types together, beside a type's own intervals")
    user: float = Field(default=3.0, gt=0, description="nothing special, beside a user's own deviations from types")
    pair: float = Field(default=8.0, gt=0, description="type and user, beside the pair's own intervals")
    spread: float = Field(default=4.0, gt=0, description="the type's deviation, beside the pair's own")
    again: float = Field(default=0.25, gt=0, description="the type's chance of another purchase, beside the pair's own")


@dataclass(frozen=True)
class Due:
    """Of K pairs, at one moment.

    Attributes:
        users: int32[K].
        kinds: int32[K].
        chance: float64[K], to buy within the days that were asked for.
        days: float64[K], until the next purchase if there is one: half of those that are still to come are earlier.
        active: float64[K], probability that there is a next one.
    """

    users: np.ndarray
    kinds: np.ndarray
    chance: np.ndarray
    days: np.ndarray
    active: np.ndarray


@dataclass(frozen=True)
class Cycles:
    """What types and users show. Fit it with ``fit``; ask it about any pairs, of later days as well.

    Attributes:
        means: float64[T + 1], of log intervals a type; entry 0 of all together.
        spreads: float64[T + 1], their variances.
        again: float64[T + 1], chances of another purchase.
        shifts: float64[U + 1], of a user's log intervals from those of types.
        settings: How much priors count.
    """

    means: np.ndarray
    spreads: np.ndarray
    again: np.ndarray
    shifts: np.ndarray
    settings: RepurchaseSettings

    @classmethod
    def fit(cls, purchases: Purchases, until: int, *, users: int, kinds: int, settings: RepurchaseSettings | None = None) -> Self:
        """Learn from purchases before the day ``until``.

        Args:
            purchases: Those of that day and later do not count.
            until: The day up to which is known who has bought nothing.
            users: U.
            kinds: T.
            settings: How much priors count.
        """
        own = settings or RepurchaseSettings()
        pairs = Pairs.of(purchases.before(until))
        counts, sums = (np.bincount(pairs.kinds, one, kinds + 1) for one in (pairs.intervals, pairs.sums))
        whole = float(counts.sum())
        mean = sums.sum() / whole if whole else np.log(30.0)
        variance = max(pairs.squares.sum() / whole - mean**2, _NARROW**2) if whole else 1.0
        means = (sums + own.kind * mean) / (counts + own.kind)
        off = pairs.squares - 2 * means[pairs.kinds] * pairs.sums + pairs.intervals * means[pairs.kinds] ** 2
        spreads = (np.bincount(pairs.kinds, off, kinds + 1) + own.kind * variance) / (counts + own.kind)
        means[0], spreads[0] = mean, variance
        begun = cls(means, spreads, np.full(kinds + 1, 0.5), np.zeros(1), own)
        return begun.of(pairs, users)._with_again(pairs, until)

    def of(self, pairs: Pairs, users: int) -> Self:
        """The same for other users, whose deviations are those of their pairs: nothing else that is kept here knows single users.

        Args:
            pairs: All that is known of them.
            users: U.
        """
        means = self.means[self._known(pairs)[0]]
        away = np.bincount(pairs.users, pairs.sums - pairs.intervals * means, users + 1)
        return replace(self, shifts=away / (np.bincount(pairs.users, pairs.intervals, users + 1) + self.settings.user))

    def _with_again(self, pairs: Pairs, until: int) -> Self:
        """The same with the chances of another purchase, from who has bought again and who might still."""
        again, kinds = self.again, len(self.again)
        mu, sigma = self._of(pairs)
        left = np.exp(_log_survival(until - pairs.last - 1, mu, sigma))
        known, had = (np.bincount(pairs.kinds, one, kinds) for one in (pairs.intervals, np.ones(len(pairs))))
        for _ in range(_ROUNDS if len(pairs) else 0):
            still = again[pairs.kinds] * left
            still /= still + 1 - again[pairs.kinds]
            more = np.bincount(pairs.kinds, still, kinds)
            whole = (known.sum() + more.sum()) / (known.sum() + had.sum())
            again = (known + more + self.settings.kind * whole) / (known + had + self.settings.kind)
            again[0] = whole
        return type(self)(self.means, self.spreads, again, self.shifts, self.settings)

    def _of(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """float64[K] twice: mean and deviation of each pair's log intervals."""
        own, n = self.settings, pairs.intervals
        kinds, users = self._known(pairs)
        expected = self.means[kinds] + self.shifts[users]
        mu = (pairs.sums + own.pair * expected) / (n + own.pair)
        off = pairs.squares - 2 * mu * pairs.sums + n * mu**2
        sigma = np.sqrt((np.maximum(off, 0.0) + own.spread * self.spreads[kinds]) / (n + own.spread))
        return mu, np.maximum(sigma, _NARROW)

    def _known(self, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """Types and users; those that came later are told by what is known of all together."""
        kinds, users = pairs.kinds, pairs.users
        return np.where(kinds < len(self.means), kinds, 0), np.where(users < len(self.shifts), users, 0)

    def due(self, pairs: Pairs, day: int, *, within: int = 28) -> Due:
        """What to expect from ``day`` on.

        Args:
            pairs: Of purchases before that day.
            day: The first of the days asked for.
            within: Number of them.
        """
        require(within >= 1, f"within={within}", "a chance is one of some days", "pass within>=1")
        mu, sigma = self._of(pairs)
        elapsed = np.maximum(day - pairs.last - 1, 0)  # days on which nothing was bought
        again = (pairs.intervals + self.settings.again * self.again[self._known(pairs)[0]]) / (pairs.intervals + self.settings.again)
        left, later = _log_survival(elapsed, mu, sigma), _log_survival(elapsed + within, mu, sigma)
        still = again * np.exp(left)
        active = still / np.maximum(still + 1 - again, 1e-300)
        return Due(
            pairs.users,
            pairs.kinds,
            active * -np.expm1(later - left),
            np.maximum(np.exp(mu + sigma * -ndtri(np.maximum(0.5 * np.exp(left), 1e-300))) - elapsed, 1.0),
            active,
        )


def _log_survival(days: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """float64[K], the logarithm of the chance that an interval is longer than so many days."""
    return np.where(days > 0, log_ndtr(-(np.log(np.maximum(days, 1)) - mu) / sigma), 0.0)
