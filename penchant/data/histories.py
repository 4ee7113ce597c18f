"""Jagged event histories: offsets and flat arrays, never padded before the batch.

Letters: R rows (users), E events, B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from penchant.core.errors import require


@dataclass(frozen=True)
class Histories:
    """R event lists in time order, oldest first.

    Attributes:
        offsets: int64[R + 1]; row r owns events ``offsets[r]:offsets[r + 1]``.
        items: int32[E], in 1..N.
        actions: int8[E], codes of ``schema.ACTIONS``.
        times: int64[E], UTC seconds, or the order when ``timed`` is false.
        domains: int16[E], 0 where there is none.
        users: int32[R], the user's code, 0 for a user who is not in the vocabulary.
        timed: Whether ``times`` are real times, so that their differences mean something.
    """

    offsets: np.ndarray
    items: np.ndarray
    actions: np.ndarray
    times: np.ndarray
    domains: np.ndarray
    users: np.ndarray
    timed: bool = True

    @classmethod
    def of(
        cls,
        lists: Sequence[Sequence[int] | np.ndarray],
        *,
        actions: Sequence[Sequence[int] | np.ndarray] | None = None,
        times: Sequence[Sequence[int] | np.ndarray] | None = None,
        domains: Sequence[Sequence[int] | np.ndarray] | None = None,
        users: Sequence[int] | np.ndarray | None = None,
    ) -> Histories:
        """From one list of item codes a row. Without ``times`` the histories are ordered but not timed.

        Raises:
            InputError: ``actions``, ``times`` or ``domains`` do not have one value an event, row by row, or ``users``
                not one a row.
        """
        lengths = np.fromiter((len(row) for row in lists), dtype=np.int64, count=len(lists))
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])

        def flat(rows: Sequence[Sequence[int] | np.ndarray] | None, dtype: type, default: np.ndarray) -> np.ndarray:
            if rows is None:
                return default.astype(dtype)
            given = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
            require(
                np.array_equal(given, lengths),
                f"{given.sum()} values in {len(given)} rows for {offsets[-1]} events in {len(lengths)}",
                "one value an event, row by row",
                "pass lists of equal lengths",
            )
            return np.concatenate([np.asarray(row, dtype) for row in rows]) if len(rows) else np.zeros(0, dtype)

        owners = np.zeros(len(lists), np.int32) if users is None else np.asarray(users, np.int32)
        require(len(owners) == len(lists), f"{len(owners)} users for {len(lists)} rows", "one user a row", "pass as many users as lists")
        zeros = np.zeros(offsets[-1], np.int64)
        order = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return cls(
            offsets=offsets,
            items=flat(lists, np.int32, zeros),
            actions=flat(actions, np.int8, zeros),
            times=flat(times, np.int64, order),
            domains=flat(domains, np.int16, zeros),
            users=owners,
            timed=times is not None,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def num_events(self) -> int:
        return int(self.offsets[-1])

    @cached_property
    def lengths(self) -> np.ndarray:
        """int64[R], events a row."""
        return np.diff(self.offsets)

    @cached_property
    def rows(self) -> np.ndarray:
        """int64[E], the row of each event."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @cached_property
    def places(self) -> np.ndarray:
        """int64[E], the 0-based place of each event within its row."""
        return np.arange(self.num_events) - np.repeat(self.offsets[:-1], self.lengths)

    def row(self, index: int) -> np.ndarray:
        """int32[n], the items of one row."""
        return self.items[self.offsets[index] : self.offsets[index + 1]]

    def slices(self, starts: np.ndarray, stops: np.ndarray, rows: np.ndarray) -> Histories:
        """New rows made of the flat event ranges ``starts[j]:stops[j]``, belonging to the old ``rows[j]``."""
        lengths = np.maximum(stops - starts, 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return self._picked(offsets, index, self.users[rows])

    def take(self, rows: np.ndarray) -> Histories:
        """The given rows, in the given order."""
        rows = np.asarray(rows, np.int64)
        return self.slices(self.offsets[:-1][rows], self.offsets[1:][rows], rows)

    def last(self, count: int) -> Histories:
        """The newest ``count`` events of each row."""
        stops = self.offsets[1:]
        return self.slices(np.maximum(self.offsets[:-1], stops - count), stops, np.arange(len(self)))

    def without_last(self, count: int) -> Histories:
        """All but the newest ``count`` events of each row; a shorter row becomes empty."""
        starts = self.offsets[:-1]
        return self.slices(starts, np.maximum(starts, self.offsets[1:] - count), np.arange(len(self)))

    def where(self, keep: np.ndarray) -> Histories:
        """The events for which ``keep`` (bool[E]) holds; rows stay, even when they become empty."""
        counts = np.bincount(self.rows[keep], minlength=len(self))
        return self._picked(np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), np.flatnonzero(keep), self.users)

    def _picked(self, offsets: np.ndarray, index: np.ndarray, users: np.ndarray) -> Histories:
        return replace(
            self,
            offsets=offsets,
            items=self.items[index],
            actions=self.actions[index],
            times=self.times[index],
            domains=self.domains[index],
            users=users,
        )
