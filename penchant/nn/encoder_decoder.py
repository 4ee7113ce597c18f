"""Blocks of an encoder and a decoder that may look at whatever a mask allows.

Letters: B rows, Q queries, S steps of the memory, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from penchant.core.errors import require
from penchant.nn.dropout import Dropout
from penchant.nn.transformer import attention


class MemoryAttention(nn.Module):
    """Multi-head attention of one sequence to another. [B, Q, W], [B, S, W] -> [B, Q, W].

    Args:
        width: W.
        heads: They share the width evenly.
        dropout: Of attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        require(heads >= 1 and width % heads == 0, f"heads={heads}", f"heads share the width {width} evenly", "pass a divisor of it")
        self.heads, self.dropout = heads, dropout
        self.asking = nn.Linear(width, width, bias=False)
        self.answering = nn.Linear(width, 2 * width, bias=False)
        self.outward = nn.Linear(width, width, bias=False)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [B, H, S, W / H] of a memory, so that they are made once for many queries."""
        rows, steps, width = memory.shape
        keys, values = self.answering(memory).view(rows, steps, 2, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        return keys, values

    def forward(self, x: Tensor, remembered: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """``mask``: bool, broadcast to [B, H, Q, S], what may be looked at; at least one step a query."""
        rows, steps, width = x.shape
        queries = self.asking(x).view(rows, steps, self.heads, width // self.heads).transpose(1, 2)
        mixed = attention(queries, *remembered, mask=mask, drop=self.dropout if self.training else 0.0)
        return self.outward(mixed.transpose(1, 2).reshape(rows, steps, width))


class EncoderBlock(nn.Module):
    """Attention within a sequence and a feed-forward part, each behind a norm and beside a residual. [B, S, W] -> [B, S, W]."""

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or 4 * width
        self.own_norm, self.forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.own = MemoryAttention(width, heads, dropout)
        self.forward_part = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``mask``: bool, broadcast to [B, H, S, S]."""
        inside = self.own_norm(x)
        x = x + self.dropout(self.own(inside, self.own.remember(inside), mask))
        return x + self.dropout(self.forward_part(self.forward_norm(x)))


class DecoderBlock(nn.Module):
    """As ``EncoderBlock``, with attention to a memory in between. Queries come in groups that see only themselves.

    [B, G, L, W] -> [B, G, L, W] for G groups of L steps; a step sees itself and the steps before it in its group.
    """

    def __init__(self, width: int, heads: int, *, dropout: float = 0.0, inner: int | None = None) -> None:
        super().__init__()
        self.own = EncoderBlock(width, heads, dropout=dropout, inner=inner)
        self.norm = nn.LayerNorm(width)
        self.cross = MemoryAttention(width, heads, dropout)
        self.dropout = Dropout(dropout)

    def remember(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a memory [B, S, W] for ``forward``."""
        return self.cross.remember(memory)

    def forward(self, x: Tensor, remembered: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """``mask``: bool, broadcast to [B, H, G * L, S]."""
        rows, groups, steps, width = x.shape
        crossed = self.cross(self.norm(x).view(rows, groups * steps, width), remembered, mask)
        x = x + self.dropout(crossed.view_as(x))
        before = torch.ones(steps, steps, dtype=torch.bool, device=x.device).tril_()
        return self.own(x.view(rows * groups, steps, width), before).view_as(x)
