"""Events after a release, as they came: what a network that rests knew of each user just before each.

Letters: E events, N items, V width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from penchant.data.dataset import Dataset
from penchant.models.dense_head import DenseHead
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

K = 10


@dataclass(frozen=True)
class Stream:
    """E events in order of time, after what the network has learnt from.

    Attributes:
        items: float32[N, V], of the network.
        users: float32[E, V], vectors of before each event.
        targets: int64[E], codes.
        had: Items each user had had, an array an event.
        people: int64[E], who.
    """

    items: np.ndarray
    users: np.ndarray
    targets: np.ndarray
    had: list[np.ndarray]
    people: np.ndarray

    def taken(self, rows: np.ndarray) -> Stream:
        """Some of the events."""
        return Stream(self.items, self.users[rows], self.targets[rows], [self.had[one] for one in rows], self.people[rows])

    def quality(self, users: np.ndarray) -> np.ndarray:
        """float[E], NDCG of each event under these vectors."""
        return self.judged(users, lambda _: self.items, 512)

    def judged(self, users: np.ndarray, items: Callable[[int], np.ndarray], rows: int) -> np.ndarray:
        """float[E], NDCG of each event where items' vectors change: ``items(start)`` are those of the ``rows`` events from there on."""
        found = np.zeros(len(users))
        for start in range(0, len(users), rows):
            part = slice(start, start + rows)
            scores = users[part] @ items(start).T
            own = scores[np.arange(len(scores)), self.targets[part] - 1]
            had = self.had[part]
            lengths = [len(one) for one in had]
            scores[np.repeat(np.arange(len(scores)), lengths), np.concatenate(had) - 1] = -np.inf
            before = (scores > own[:, None]).sum(axis=1)
            found[part] = np.where(before < K, 1 / np.log2(before + 2), 0.0)
        return found


def stream(dataset: Dataset, steps: int) -> Stream:
    """Train on the first 70 %, and encode what came before each of the other events."""
    whole = dataset.histories
    cut = int(np.quantile(whole.times, 0.7))
    model = SASRec(len(dataset.catalog), SASRecSettings(temperature=0.1))
    Trainer(TrainSettings(learning_rate=2e-3, steps=steps, epochs=10_000)).fit(model, whole.where(whole.times < cut))
    head = DenseHead(model.eval())
    events = np.flatnonzero((whole.times >= cut) & (whole.places > 0))
    events = events[np.argsort(whole.times[events], kind="stable")]
    rows = whole.rows[events]
    starts = whole.offsets[:-1][rows]
    parts = [slice(place, place + 512) for place in range(0, len(events), 512)]
    users = np.concatenate([head.users(whole.slices(starts[part], events[part], rows[part])) for part in parts])
    had = [whole.items[start:stop] for start, stop in zip(starts, events, strict=True)]
    return Stream(head.items, users, whole.items[events].astype(np.int64), had, rows)
