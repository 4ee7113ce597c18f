"""Training in phases: each batch is passed several times, and the model knows which pass it is.

Every pass is an optimiser step and is counted as one, so a budget of steps is the same for models without phases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from penchant.core.errors import require
from penchant.data.batches import Batches

_SHIFT = 40  # rows carry their phase in the bits above this one


@dataclass(frozen=True)
class PhasedBatch:
    """A batch and the pass over it, 0-based."""

    batch: Any
    phase: int

    @property
    def num_targets(self) -> int:
        """What is learnt from, once a pass."""
        return self.batch.num_targets

    def to(self, device: torch.device | str) -> PhasedBatch:
        return PhasedBatch(self.batch.to(device), self.phase)


class PhasedBatches:
    """Each batch of ``batches`` so many times in a row.

    The phase is kept in the plan and not in the model, so a run that goes on from a checkpoint goes on in its phase.
    """

    def __init__(self, batches: Batches, phases: int) -> None:
        require(phases >= 1, f"phases={phases}", "each batch is passed at least once", "pass phases>=1")
        self.batches, self.phases = batches, phases

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Rows of every pass, marked with its phase."""
        return [rows + (phase << _SHIFT) for rows in self.batches.plan(epoch) for phase in range(self.phases)]

    def batch(self, rows: np.ndarray) -> PhasedBatch:
        """The marked rows as a batch."""
        return PhasedBatch(self.batches.batch(rows & ((1 << _SHIFT) - 1)), int(rows[0]) >> _SHIFT)
