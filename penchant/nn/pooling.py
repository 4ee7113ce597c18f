"""A summary of all steps up to each step, weighed by what they hold and how old they are.

Letters: B rows, T steps, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalPool(nn.Module):
    """Weighted mean of the steps up to each one. [B, T, W] -> [B, T, W].

    At step t, step s <= t has the weight exp(score(x_s) - rate (t - s)): a learned score of what it holds, and a learned
    rate > 0 at which older steps fade. Unlike attention, the score does not depend on t.

    Args:
        width: W.
        attentive: False gives the plain mean.
    """

    def __init__(self, width: int, *, attentive: bool = True) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1, bias=False) if attentive else None
        self.rate = nn.Parameter(torch.tensor(-2.0)) if attentive else None  # softplus(-2) = 0.13 a step

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, W] -> [B, T, W]."""
        steps = torch.arange(x.shape[1], device=x.device)
        if self.score is None or self.rate is None:
            return x.cumsum(dim=1) / (steps + 1).to(x.dtype)[:, None]
        age = steps[:, None] - steps
        weights = self.score(x).transpose(1, 2).float() - F.softplus(self.rate) * age
        return weights.masked_fill(age < 0, -torch.inf).softmax(dim=-1).to(x.dtype) @ x
