"""Users and the items they had, as pairs: the edges of a bipartite graph, and batches of them with items they did not have.

Letters: U users, N items, E pairs, B pairs of a batch, M negatives a pair.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import torch

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories


@dataclass(frozen=True)
class Pairs:
    """Which user had which item, each pair once, sorted by user and then by item.

    Attributes:
        users: int64[E], codes in 1..U.
        items: int64[E], codes in 1..N.
        num_users: U.
        num_items: N.
    """

    users: np.ndarray
    items: np.ndarray
    num_users: int
    num_items: int

    @classmethod
    def of(cls, histories: Histories, num_items: int) -> Pairs:
        """The pairs of histories. Rows of unknown users (code 0) have none."""
        owners = histories.users[histories.rows].astype(np.int64)
        known = owners > 0
        users, items = np.divmod(np.unique(owners[known] * (num_items + 1) + histories.items[known]), num_items + 1)
        return cls(users, items, int(histories.users.max(initial=0)), num_items)

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def keys(self) -> np.ndarray:
        """int64[E], ascending: one number a pair."""
        return self.users * (self.num_items + 1) + self.items

    @cached_property
    def user_degrees(self) -> np.ndarray:
        """int64[U + 1], items a user had."""
        return np.bincount(self.users, minlength=self.num_users + 1)

    @cached_property
    def item_degrees(self) -> np.ndarray:
        """int64[N + 1], users who had an item."""
        return np.bincount(self.items, minlength=self.num_items + 1)

    def newest(self, histories: Histories, share: float) -> np.ndarray:
        """bool[E], the pairs that occur among the newest ``share`` (in 0..1) of all events; events of one time go together."""
        owners = histories.users[histories.rows].astype(np.int64)
        times = histories.times[owners > 0]
        keys = (owners * (self.num_items + 1) + histories.items)[owners > 0]
        first = len(times) - max(1, round(len(times) * share))
        kept = keys[times >= np.partition(times, first)[first]] if len(times) else keys
        return np.isin(self.keys, kept)

    def continued_by(self, histories: Histories) -> np.ndarray:
        """bool[R]: whether a row's user is known and the row holds all of the user's pairs, and perhaps more."""
        users = histories.users.astype(np.int64)
        known = (users > 0) & (users <= self.num_users)
        degrees = self.user_degrees[np.where(known, users, 0)]
        wanted = np.unique(histories.rows * (self.num_items + 1) + histories.items)
        rows, items = np.divmod(wanted, self.num_items + 1)
        keys = users[rows] * (self.num_items + 1) + items
        at = np.minimum(np.searchsorted(self.keys, keys), max(len(self) - 1, 0))
        held = self.keys[at] == keys if len(self) else np.zeros(len(keys), bool)
        return known & (degrees > 0) & (np.bincount(rows[held], minlength=len(histories)) == degrees)


@dataclass(frozen=True)
class PairBatch:
    """Pairs with items that their users did not have in training.

    Attributes:
        users: int64[B].
        items: int64[B], what they had.
        negatives: int64[B, M], what they did not have.
    """

    users: torch.Tensor
    items: torch.Tensor
    negatives: torch.Tensor

    def __len__(self) -> int:
        return len(self.users)

    @property
    def num_targets(self) -> int:
        """Pairs."""
        return len(self.users)

    def to(self, device: torch.device | str) -> PairBatch:
        return PairBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class PairBatches:
    """Batches of pairs, each pair once an epoch, with fresh negatives drawn uniformly from what the user did not have.

    Nothing is drawn twice and thrown away: the r-th item that a user did not have is r plus the number of the user's
    items before it, which one binary search tells.

    Args:
        pairs: What is learnt from. Users who had all N items are left out: there is nothing to set against theirs.
        size: B.
        negatives: M.
        seed: Of the order of pairs; negatives come from torch's generator.
        only: bool[E], the pairs that stand in batches; all by default. The others are no negatives either.
    """

    def __init__(self, pairs: Pairs, *, size: int, negatives: int = 1, seed: int = 0, only: np.ndarray | None = None) -> None:
        require(size >= 1 and negatives >= 1, f"size={size}, negatives={negatives}", "a batch holds at least one of each", "pass both >=1")
        self.pairs, self.size, self.negatives, self.seed = pairs, size, negatives, seed
        self.free = torch.from_numpy(pairs.num_items - pairs.user_degrees)  # [U + 1], items a user did not have
        usable = pairs.user_degrees[pairs.users] < pairs.num_items
        self.usable = np.flatnonzero(usable if only is None else usable & only)
        require(len(self.usable) > 0, "no pairs of users and items", "there is nothing to learn from", "check the split and its user codes")
        starts = np.cumsum(pairs.user_degrees) - pairs.user_degrees  # [U + 1], each user's first pair
        before = pairs.items - 1 - (np.arange(len(pairs)) - starts[pairs.users])  # items not had that precede this one
        self.keys = torch.from_numpy(pairs.users * (pairs.num_items + 1) + before)
        self.starts = torch.from_numpy(starts)
        self.users, self.items = torch.from_numpy(pairs.users), torch.from_numpy(pairs.items)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Indices of the pairs of every batch of an epoch."""
        shuffled = generator(self.seed, epoch).permutation(self.usable)
        return [shuffled[start : start + self.size] for start in range(0, len(shuffled), self.size)]

    def batch(self, rows: np.ndarray) -> PairBatch:
        """The pairs ``rows``, with negatives."""
        at = torch.from_numpy(rows)
        users = self.users[at]
        return PairBatch(users, self.items[at], self.draw(users))

    def draw(self, users: torch.Tensor) -> torch.Tensor:
        """int64[B, M], items that each of int64[B] users did not have."""
        places = (torch.rand(len(users), self.negatives, dtype=torch.float64) * self.free[users][:, None]).long()
        wanted = users[:, None] * (self.pairs.num_items + 1) + places
        return places + 1 + torch.searchsorted(self.keys, wanted, right=True) - self.starts[users][:, None]
