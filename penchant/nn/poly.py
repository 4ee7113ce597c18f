"""Poly-attention (Humeau et al., ICLR 2020, arXiv:1905.01969): a set of states as a few vectors, one a learned code.

Letters: B rows, Q queries, S states, W width, C codes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PolyAttention(nn.Module):
    """Vector c is the mean of the states z, weighed by softmax(code_c . tanh(A z)).

    Args:
        width: W.
        codes: C.
    """

    def __init__(self, width: int, codes: int) -> None:
        super().__init__()
        self.turn = nn.Linear(width, width, bias=False)
        self.codes = nn.Parameter(torch.randn(codes, width))  # far apart, or the vectors would begin and stay alike

    def forward(self, states: Tensor, mask: Tensor, own: Tensor | None = None) -> Tensor:
        """[B, Q, C, W].

        Args:
            states: [B, S, W].
            mask: bool[B, Q, S], the states that each query has; at least one, unless it has one of its own.
            own: [B, Q, W], one more state that only its query has.
        """
        logits = self.logits(states).transpose(1, 2)[:, None].masked_fill(~mask[:, :, None], -torch.inf)  # [B, Q, C, S]
        if own is None:
            return logits.softmax(dim=-1).to(states.dtype) @ states[:, None]
        weights = torch.cat([logits, self.logits(own)[..., None]], dim=-1).softmax(dim=-1).to(states.dtype)
        return weights[..., :-1] @ states[:, None] + weights[..., -1:] * own[:, :, None]

    def logits(self, states: Tensor) -> Tensor:
        """[..., W] -> float32[..., C]."""
        return (self.turn(states).tanh() @ self.codes.T).float()
