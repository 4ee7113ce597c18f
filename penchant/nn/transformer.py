"""A pre-norm transformer over right-padded sequences, causal unless told otherwise.

Letters: B rows, T steps, W width.

Rows are aligned left and padded on the right, so the causal mask alone keeps valid steps from seeing padding. Without it
the caller says by a mask which steps may be seen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.nn.dropout import Dropout, dropout

SHORT = 128  # steps up to which plain products train faster than the fused kernel on a CPU


def attention(
    queries: Tensor, keys: Tensor, values: Tensor, *, mask: Tensor | None = None, causal: bool = False, drop: float = 0.0
) -> Tensor:
    """Scaled dot-product attention, [B, H, T, D] each -> [B, H, T, D]; equal to torch's own where nothing is dropped (tested).

    On a CPU training goes through plain products: torch's kernel with dropout is about half as fast, and the gradients of
    its fused one (no dropout) pay for long sequences only.

    Args:
        mask: bool, broadcast to [B, H, T, T], which steps may be looked at; at least one a row.
        causal: A step sees itself and what came before. Not together with ``mask``.
        drop: Share of attention weights to drop.
    """
    steps = queries.shape[-2]
    fused = drop == 0 and (steps > SHORT or not torch.is_grad_enabled())
    if fused or queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=drop, is_causal=causal)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    lowest = torch.finfo(scores.dtype).min
    if causal:
        scores = scores + torch.full((steps, steps), lowest, dtype=scores.dtype).triu_(1)
    elif mask is not None:
        scores = scores.masked_fill(~mask, lowest)
    weights = torch.softmax(scores, dim=-1, dtype=scores.dtype)
    return (dropout(weights, drop) if drop > 0 else weights) @ values


class SelfAttention(nn.Module):
    """Multi-head self-attention. [B, T, W] -> [B, T, W].

    Args:
        causal: A step sees itself and what came before; otherwise all steps that ``seen`` allows.
    """

    def __init__(self, width: int, heads: int, dropout: float, *, causal: bool = True) -> None:
        super().__init__()
        require(heads >= 1 and width % heads == 0, f"heads={heads}", f"heads share the width {width} evenly", "pass a divisor of it")
        self.heads = heads
        self.dropout = dropout
        self.causal = causal
        self.inward = nn.Linear(width, 3 * width, bias=False)
        self.outward = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """``seen``: bool[B, T], steps that may be looked at; only without the causal mask."""
        rows, steps, width = x.shape
        queries, keys, values = self.inward(x).view(rows, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mask = None if seen is None else seen[:, None, None, :]
        mixed = attention(queries, keys, values, mask=mask, causal=self.causal, drop=self.dropout if self.training else 0.0)
        return self.outward(mixed.transpose(1, 2).reshape(rows, steps, width))


class TransformerBlock(nn.Module):
    """Attention and a feed-forward part, each behind a norm and beside a residual. [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int, *, inner: int | None = None, dropout: float = 0.0, causal: bool = True) -> None:
        super().__init__()
        inner = inner or 4 * width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads, dropout, causal=causal)
        self.forward_norm = nn.LayerNorm(width)
        self.forward_part = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """``seen``: see ``SelfAttention``."""
        x = x + self.dropout(self.attention(self.attention_norm(x), seen))
        return x + self.dropout(self.forward_part(self.forward_norm(x)))


def init_normal(module: nn.Module, std: float = 0.02) -> None:
    """Normal weights of one width for every matrix and table, zero biases: all initialisation in one place."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def last_valid(states: Tensor, lengths: Tensor) -> Tensor:
    """[B, T, W] -> [B, W], the state of each row's last valid step."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]
