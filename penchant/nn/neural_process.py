"""Parts of a neural process over sessions (Garnelo et al., 2018; IDNP, WSDM 2023, arXiv:2208.04600).

Letters: B rows, T steps, C sessions, W width, Z width of the latent variable, H heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.nn.dropout import Dropout
from penchant.nn.state_space import CausalConv
from penchant.nn.times import BUCKETS


class MultiScale(nn.Module):
    """Views of several widths on the steps so far, weighted by attention. [B, T, W] -> [B, T, W].

    Args:
        width: W.
        scales: Steps that each view sees; one alone switches the idea off.
        dropout: Of the result.
    """

    def __init__(self, width: int, scales: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.views = nn.ModuleList(CausalConv(width, scale) for scale in scales)
        self.mix = nn.Linear(width, width)
        self.weigh = nn.Linear(width, 1, bias=False)
        self.forward_part = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        views = torch.stack([view(x) for view in self.views], dim=2)
        weights = self.weigh(torch.tanh(self.mix(views))).softmax(dim=2)
        x = x + self.dropout((weights * views).sum(dim=2))
        return x + self.dropout(self.forward_part(x))


class TimedAttention(nn.Module):
    """Queries at steps look at sessions; a bias says what time since then is worth. [B, T, W] x [B, C, W] -> [B, T, W].

    Args:
        width: W.
        heads: H.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(width, width, bias=False)
        self.keys = nn.Linear(width, 2 * width, bias=False)
        self.outward = nn.Linear(width, width, bias=False)
        self.times = nn.Parameter(torch.zeros(BUCKETS))

    def forward(self, x: Tensor, sessions: Tensor, buckets: Tensor, allowed: Tensor) -> Tensor:
        """``buckets`` int64[B, T, C], log of the time since; ``allowed`` bool[B, T, C], at least one a step."""
        rows, steps, width = x.shape
        queries = self.queries(x).view(rows, steps, self.heads, -1).transpose(1, 2)
        keys, values = self.keys(sessions).view(rows, sessions.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        bias = self.times.index_select(0, buckets.flatten()).view(buckets.shape).masked_fill(~allowed, -torch.inf)
        mixed = F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias[:, None].to(queries.dtype))
        return self.outward(mixed.transpose(1, 2).reshape(rows, steps, width))


def normal_kl(mean: Tensor, log_std: Tensor, other_mean: Tensor, other_log_std: Tensor) -> Tensor:
    """[..., Z] of KL(N(mean, std) || N(other mean, other std)), elementwise."""
    ratio = torch.exp(2 * (log_std - other_log_std))
    distance = ((mean - other_mean) * torch.exp(-other_log_std)) ** 2
    return 0.5 * (ratio + distance - 1.0) - (log_std - other_log_std)
