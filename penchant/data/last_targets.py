"""Training batches in which each user is one example: the newest event is the target, all before it is what is seen.

What training is without sliding windows: compare ``TrainingBatches``, where every event is a target.

Letters: B rows, T steps.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from penchant.data.batches import Batch, TrainingBatches
from penchant.data.histories import Histories


class LastTargets(TrainingBatches):
    """One window a user, its newest event being the only target. Users without events are left out.

    Args:
        histories: What is learnt from.
        max_len: Longest window of events, the target among them.
        tokens: Padded steps a batch, at most.
        seed: Of the order.
    """

    def __init__(self, histories: Histories, *, max_len: int, tokens: int, seed: int = 0) -> None:
        super().__init__(histories.last(max_len), max_len=max_len, tokens=tokens, seed=seed)
        self.begins = (histories.lengths <= max_len)[histories.lengths > 0]

    def batch(self, rows: np.ndarray) -> Batch:
        """The windows ``rows``; only the step before the newest event has a target."""
        found = super().batch(rows)
        newest = torch.arange(found.items.shape[1]) == found.lengths[:, None] - 1  # bool[B, T]
        asked = {name: getattr(found, name) * newest for name in ("targets", "target_times", "target_actions")}
        return replace(found, **asked)
