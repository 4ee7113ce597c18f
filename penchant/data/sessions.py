"""Cutting the rows of a batch into short sequences.

Letters: B rows, T steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from penchant.data.clock import gaps

DAY = 86_400


def session_ids(times: Tensor, *, gap: int = DAY, longest: int = 8) -> Tensor:
    """int64[B, T], counting from 0: a session ends before a pause of more than ``gap`` seconds or when it has ``longest`` steps.

    The bound on length cuts bursts, and histories without times, into pieces as well.
    """
    steps = torch.arange(times.shape[1], device=times.device)
    paused = gaps(times) > gap
    since = torch.where(paused, steps, 0).cummax(dim=1).values  # the step at which the visit began
    begins = (steps - since) % longest == 0
    return begins.int().cumsum(dim=1) - 1
