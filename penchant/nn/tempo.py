"""Time modulation of TiM4Rec (arXiv:2409.16182): gaps between events become a tempo for the steps of a state space.

    s = MLP(r);   tau = SiLU(conv(SiLU(conv(r * s))));   tempo = 1 + tau;   next r = g * r + (1 - g) * tau,  g = sigmoid(W r)

Letters: B rows, T steps, H heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.nn.state_space import CausalConv

LONGEST = 10 * 365 * 86_400  # seconds; a live gap beyond it says no more than that
WEEK = 7 * 86_400


def gap_levels(seconds: Tensor) -> Tensor:
    """float32 of seconds >= 0: log(1 + seconds), clamped at ten years and scaled so that a week is 1."""
    return torch.log1p(seconds.clamp(0, LONGEST).float()) / math.log1p(WEEK)


class Tempo(nn.Module):
    """A tempo for each step and head, from the gaps up to that step. Without gaps it is the same at every step.

    Args:
        heads: H.
        kernel: Steps each convolution sees.
        hidden: Width of the perceptron.
        onward: Whether a next layer follows, which needs levels; otherwise the given ones are returned.
    """

    def __init__(self, heads: int, *, kernel: int = 4, hidden: int = 32, onward: bool = True) -> None:
        super().__init__()
        self.scale = nn.Sequential(nn.Linear(heads, hidden), nn.SiLU(), nn.Linear(hidden, heads))
        self.first, self.second = CausalConv(heads, kernel), CausalConv(heads, kernel)
        self.gate = nn.Linear(heads, heads) if onward else None
        self.reset()

    def reset(self) -> None:
        """First weights, to be given again after whatever initialises a whole network.

        The gaps pass four factors. With small weights in each the product vanishes, gradients with it, and the network
        learns as if there were no times. So they begin wide, and the perceptron begins near 1.
        """
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)
        nn.init.ones_(self.scale[-1].bias)  # type: ignore[arg-type]

    def forward(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, H] -> the tempo and the next layer's levels, both [B, T, H]."""
        tau = F.silu(self.second(F.silu(self.first(levels * self.scale(levels)))))
        if self.gate is None:
            return 1.0 + tau, levels
        share = torch.sigmoid(self.gate(levels))
        return 1.0 + tau, share * levels + (1.0 - share) * tau
