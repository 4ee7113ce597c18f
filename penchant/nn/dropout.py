"""Dropout whose masks are cheap to draw on a CPU, where torch's own spends more time on them than on the layer they follow."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require

LEVELS = 2**16


def dropout(x: Tensor, p: float) -> Tensor:
    """``x`` with a share ``p`` of its elements set to 0 and the others divided by 1 - ``p``; the mean stays.

    On a CPU four elements share a 64-bit random number, so ``p`` is rounded to a multiple of 2^-16.

    Args:
        x: float[...].
        p: In [0, 1).
    """
    if x.device.type != "cpu":
        return F.dropout(x, p)
    dropped = round(p * LEVELS)
    words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    numbers = words.view(torch.int16)[: x.numel()].view(x.shape)
    kept = numbers.ge_(dropped - LEVELS // 2)  # in place 0 or 1, still int16: a mask of bools takes several times longer
    return x * kept.to(x.dtype).mul_(LEVELS / (LEVELS - dropped))


class Dropout(nn.Module):
    """``dropout`` in training, nothing in evaluation. Any shape."""

    def __init__(self, p: float) -> None:
        super().__init__()
        require(0 <= p < 1, f"dropout={p:g}", "a share of 0 to below 1 can be dropped", "pass 0 <= dropout < 1")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training and self.p > 0 else x

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
