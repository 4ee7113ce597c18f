"""Times within a batch: gaps, and histories robbed of their times for controls.

Letters: B rows, T steps.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

import torch
from torch import Tensor

from penchant.data.batches import Batch


class Times(StrEnum):
    """What a model gets to see of the times.

    USED: as they are. DROPPED: none. SHUFFLED: the gaps of each history in another order, so that their distribution
    stays and only what they say of their events is lost.
    """

    USED = "used"
    DROPPED = "dropped"
    SHUFFLED = "shuffled"

    def of(self, batch: Batch) -> Batch:
        """The batch with its ``times`` as this says. A history is always shuffled in the same way, whatever its batch."""
        match self:
            case Times.USED:
                return batch
            case Times.DROPPED:
                return replace(batch, times=torch.zeros_like(batch.times))
            case Times.SHUFFLED:
                return replace(batch, times=_shuffled(batch))


def gaps(times: Tensor) -> Tensor:
    """int64[B, T], seconds since the event before; 0 for a first event, for disorder and for histories without times."""
    before = torch.cat([times[:, :1], times[:, :-1]], dim=1)
    return torch.where(before > 0, times - before, 0).clamp_(min=0)


def _shuffled(batch: Batch) -> Tensor:
    """Times whose gaps have changed places among the steps that have one; the first and the last time stay."""
    steps = torch.arange(batch.times.shape[1], device=batch.times.device)
    gap = gaps(batch.times)
    first = (batch.times > 0).int().argmax(dim=1, keepdim=True)  # the start token has no time
    moves = (steps > first) & (steps < batch.lengths[:, None])
    # A draw that depends on the history alone: rows and batches must not matter, and a rerun must give the same.
    draw = torch.frac(torch.sin(batch.items.double() * 12.9898 + steps * 78.233).abs() * 43758.5453)
    stays = steps.double() + torch.where(steps <= first, -len(steps), 2)  # before and behind all draws, which are in 0..1
    order = torch.where(moves, draw, stays).argsort(dim=1)
    times = torch.cumsum(gap.gather(1, order).masked_fill(~moves, 0), dim=1) + batch.times.gather(1, first)
    return torch.where((steps >= first) & (steps < batch.lengths[:, None]) & (batch.times > 0), times, 0)
