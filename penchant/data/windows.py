"""Training windows that move: one window of a user's history an epoch, at its end or anywhere in it.

Netflix, RecSys 2024, arXiv:2409.14517: where inputs are shorter than histories, only the choice of windows changes.

Letters: U rows with events, L longest window.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.batches import Batch, collate, grouped
from penchant.data.histories import Histories


class SlidingBatches:
    """Batches of one window a row and epoch, so that a long history weighs no more than a short one.

    An epoch is either a *latest* one (each row's newest L events) or a *sliding* one (any L events in a row). Sliding
    epochs are spread evenly over the others. A row of at most L events is always whole.

    Args:
        histories: What is learnt from; nothing beyond a row's own events is ever in its windows.
        max_len: L, at least 2.
        tokens: Padded steps a batch, at most.
        sliding: Share of sliding epochs: 0 latest only, 1 sliding only, between: the hybrid.
        stride: Events by which windows move back from one sliding epoch to the next, beginning at the newest and coming
            round after the oldest; None draws a window instead.
        seed: Of windows and order, which depend on (seed, epoch) alone.
    """

    def __init__(
        self, histories: Histories, *, max_len: int, tokens: int, sliding: float = 1.0, stride: int | None = None, seed: int = 0
    ) -> None:
        require(max_len >= 2, f"max_len={max_len}", "a window holds at least two events", "pass max_len>=2")
        require(tokens >= max_len, f"tokens={tokens}", f"a batch must hold one window of max_len={max_len}", "pass tokens>=max_len")
        require(0 <= sliding <= 1, f"sliding={sliding}", "it is a share of the epochs", "pass 0<=sliding<=1")
        require(stride is None or stride >= 1, f"stride={stride}", "windows move by whole events", "pass stride>=1, or None to draw")
        self.histories, self.max_len, self.tokens = histories, max_len, tokens
        self.sliding, self.stride, self.seed = sliding, stride, seed
        used = histories.lengths > 0
        self.newest = histories.offsets[1:][used] - 1  # [U], flat index of each row's newest event
        self.lengths = np.minimum(histories.lengths[used], max_len)
        self.room = histories.lengths[used] - self.lengths  # [U], by how much a window can move back

    def slides(self, epoch: int) -> bool:
        """Whether the epoch (0-based) is a sliding one."""
        return self._slid(epoch + 1) > self._slid(epoch)

    def _slid(self, epochs: int) -> int:
        """Sliding epochs among the first ``epochs``."""
        return int(np.floor(epochs * self.sliding + 1e-9))

    def ends(self, epoch: int) -> np.ndarray:
        """int64[U], flat index of the newest event of each row's window."""
        if not self.slides(epoch):
            return self.newest
        if self.stride is None:
            back = generator(self.seed, epoch, 1).integers(0, self.room + 1)
        else:
            places = -(-self.room // self.stride) + 1
            back = np.minimum(self._slid(epoch) % places * self.stride, self.room)
        return self.newest - back

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Windows of every batch of an epoch, as the flat indices of their newest events."""
        ends = self.ends(epoch)
        return [ends[rows] for rows in grouped(self.lengths, self.tokens, generator(self.seed, epoch))]

    def batch(self, rows: np.ndarray) -> Batch:
        """The windows that end at the events ``rows``."""
        owners = self.histories.rows[rows]
        firsts = self.histories.offsets[:-1][owners]
        starts = np.maximum(firsts, rows + 1 - self.max_len)
        return collate(self.histories.slices(starts, rows + 1, owners), begins=starts == firsts)
