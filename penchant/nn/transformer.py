"""A causal pre-norm transformer over right-padded sequences.

Letters: B rows, T steps, W width.

Rows are aligned left and padded on the right, so the causal mask alone keeps valid steps from seeing padding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which a step sees itself and what came before. [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.inward = nn.Linear(width, 3 * width, bias=False)
        self.outward = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, steps, width = x.shape
        queries, keys, values = self.inward(x).view(rows, steps, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values, dropout_p=self.dropout if self.training else 0.0, is_causal=True)
        return self.outward(mixed.transpose(1, 2).reshape(rows, steps, width))


class TransformerBlock(nn.Module):
    """Attention and a feed-forward part, each behind a norm and beside a residual. [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int, *, inner: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        inner = inner or 4 * width
        self.attention_norm = nn.LayerNorm(width)
        self.attention = CausalSelfAttention(width, heads, dropout)
        self.forward_norm = nn.LayerNorm(width)
        self.forward_part = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x)))
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
