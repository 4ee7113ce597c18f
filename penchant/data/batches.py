"""From jagged histories to padded batches: training windows, bucketed by length, padded to the longest in the batch.

Letters: B rows, T steps (the longest row of the batch).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories


@dataclass(frozen=True)
class Batch:
    """B histories as tensors, oldest event first, padded on the right.

    Step 0 of a history that was not cut holds item 0, the *start token*: it makes the empty history a valid
    input and the first event a target. Beyond ``lengths`` everything is 0 and means nothing.

    Attributes:
        items: int64[B, T].
        actions, domains: int64[B, T].
        times: int64[B, T], seconds; 0 at the start token and for histories without times.
        lengths: int64[B], valid steps a row, the start token included; at least 1.
        targets: int64[B, T], the item that follows each step, 0 where there is none.
        target_times: int64[B, T], when that happened.
        target_actions: int64[B, T], how.
        users: int64[B].
    """

    items: torch.Tensor
    actions: torch.Tensor
    domains: torch.Tensor
    times: torch.Tensor
    lengths: torch.Tensor
    targets: torch.Tensor
    target_times: torch.Tensor
    target_actions: torch.Tensor
    users: torch.Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_targets(self) -> int:
        """What the batch asks the model to predict."""
        return int((self.targets > 0).sum())

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


def training_windows(histories: Histories, max_len: int) -> tuple[Histories, np.ndarray]:
    """Cut every row into windows of at most ``max_len`` events, so that each event is a target exactly once.

    Neighbouring windows share one event: the last target of one is the first input of the next. The window that
    ends at the newest event is full; only the oldest one is short.

    Returns:
        The windows, and bool[W]: whether a window begins at its row's first event (it then gets the start token).
    """
    require(max_len >= 2, f"max_len={max_len}", "a window holds at least two events", "pass max_len>=2")
    step = max_len - 1
    counts = np.where(histories.lengths > 0, np.maximum(1, -(-(histories.lengths - 1) // step)), 0)
    rows = np.repeat(np.arange(len(histories)), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # 0 is the newest window
    stops = histories.offsets[1:][rows] - place * step
    firsts = histories.offsets[:-1][rows]
    starts = np.maximum(firsts, stops - max_len)
    return histories.slices(starts, stops, rows), starts == firsts


def collate(histories: Histories, *, begins: np.ndarray | None = None, targets: bool = True) -> Batch:
    """Pad rows into a batch.

    Args:
        histories: B rows.
        begins: bool[B], whether a row starts at its user's first event and so gets the start token; default all.
        targets: True for training: inputs are all events but the last, targets all that follow an input. False for
            inference: inputs are all events, there are no targets.
    """
    inputs = histories.without_last(1) if targets else histories
    started = (inputs.lengths == 0) | (np.ones(len(histories), bool) if begins is None else begins)
    lengths = inputs.lengths + started
    width = max(int(lengths.max(initial=1)), 1)
    at = inputs.rows * width + inputs.places + started[inputs.rows]

    def spread(values: np.ndarray, places: np.ndarray) -> torch.Tensor:
        out = np.zeros(len(histories) * width, np.int64)
        out[places] = values
        return torch.from_numpy(out.reshape(len(histories), width))

    times = inputs.times if inputs.timed else np.zeros_like(inputs.times)
    if targets:
        followed = histories.where((histories.places > 0) | started[histories.rows])
        before = followed.rows * width + followed.places  # the step just before each target
        goal = (followed.items, followed.times if followed.timed else np.zeros_like(followed.times), followed.actions)
    else:
        before, goal = np.zeros(0, np.int64), (np.zeros(0), np.zeros(0), np.zeros(0))
    return Batch(
        items=spread(inputs.items, at),
        actions=spread(inputs.actions, at),
        domains=spread(inputs.domains, at),
        times=spread(times, at),
        lengths=torch.from_numpy(lengths.astype(np.int64)),
        targets=spread(goal[0], before),
        target_times=spread(goal[1], before),
        target_actions=spread(goal[2], before),
        users=torch.from_numpy(histories.users.astype(np.int64)),
    )


def by_length(lengths: np.ndarray, tokens: int) -> list[np.ndarray]:
    """Row indices in groups of similar length, each of at most ``tokens`` padded steps (at least one row)."""
    order = np.argsort(-lengths, kind="stable")
    groups, start = [], 0
    while start < len(order):  # a group's padded size is its first (longest) row times its rows
        rows = max(1, tokens // max(1, int(lengths[order[start]])))
        groups.append(order[start : start + rows])
        start += rows
    return groups


def grouped(lengths: np.ndarray, tokens: int, random: np.random.Generator) -> list[np.ndarray]:
    """``by_length`` after a shuffle, the groups shuffled too."""
    shuffled = random.permutation(len(lengths))
    groups = [shuffled[group] for group in by_length(lengths[shuffled], tokens)]
    return [groups[index] for index in random.permutation(len(groups))]


class Batches(Protocol):
    """Where the training loop gets its batches.

    The plan of an epoch depends on (seed, epoch) alone, and whatever else is random comes from torch's generator, whose
    state checkpoints keep; so a resumed run sees the same batches.
    """

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Row indices of every batch of epoch ``epoch`` (0-based), in order."""
        ...

    def batch(self, rows: np.ndarray) -> Any:
        """Those rows as a batch: what the model's ``loss`` takes, with ``num_targets`` and ``to(device)``."""
        ...


class TrainingBatches:
    """The batches of an epoch: seeded shuffle, rows of like length together, at most ``tokens`` padded steps each.

    The batches of an epoch depend on (seed, epoch) alone, so a resumed run sees the same ones.
    """

    def __init__(self, histories: Histories, *, max_len: int, tokens: int, seed: int = 0) -> None:
        require(tokens >= max_len, f"tokens={tokens}", f"a batch must hold one window of max_len={max_len}", "pass tokens>=max_len")
        self.windows, self.begins = training_windows(histories, max_len)
        self.tokens = tokens
        self.seed = seed

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of epoch ``epoch`` (0-based)."""
        for rows in self.plan(epoch):
            yield self.batch(rows)

    def batch(self, rows: np.ndarray) -> Batch:
        """The windows ``rows`` as a batch."""
        return collate(self.windows.take(rows), begins=self.begins[rows])

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Row indices of every batch of an epoch, in order."""
        return grouped(self.windows.lengths, self.tokens, generator(self.seed, epoch))
