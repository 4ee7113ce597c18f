"""A small data set and models whose answers are known, for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.data.splits import Split, Targets


class Fixed:
    """Scores items by a fixed table, one row a user code, and follows the retriever contract."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores  # float[U + 1, N + 1]
        self.num_items = scores.shape[1] - 1
        self.asked: list[int] = []

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        self.asked.append(len(histories))
        scores = self.scores[histories.users].astype(np.float32)
        scores[:, 0] = -np.inf
        if exclude is not None:
            scores[exclude.rows, exclude.items] = -np.inf
        items = np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
        values = np.take_along_axis(scores, items, axis=1)
        return TopK(np.where(np.isneginf(values), 0, items).astype(np.int32), values)

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError


def small_split(users: int = 60, items: int = 40, seed: int = 0) -> Split:
    """Histories of 2 to 9 events and one target each, one in five of them seen before."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, items + 1)
    weights[-3:] = 0  # three items without training events
    seen = [rng.choice(items, size=rng.integers(2, 10), p=weights / weights.sum()) + 1 for _ in range(users)]
    wanted = [[int(row[0])] if index % 5 == 0 else [int(rng.integers(1, items + 1))] for index, row in enumerate(seen)]
    codes = np.arange(1, users + 1)
    train = Histories.of(seen, users=codes)
    targets = Targets(train, Histories.of(wanted, users=codes))
    cold = np.bincount(train.items, minlength=items + 1) == 0
    cold[0] = False
    return Split("One event held out of each user.", train, targets, targets, items, cold)


def good(split: Split, noise: float, seed: int) -> Fixed:
    """Knows the targets, blurred by noise."""
    scores = np.random.default_rng(seed).normal(0, noise, (len(split.test) + 1, split.num_items + 1))
    scores[split.test.items.users[split.test.items.rows], split.test.items.items] += 1
    return Fixed(scores)


def popular(split: Split) -> Fixed:
    counts = np.bincount(split.train.items, minlength=split.num_items + 1).astype(float)
    return Fixed(np.tile(counts, (len(split.test) + 1, 1)))
