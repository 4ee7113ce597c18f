"""The HSTU layer: pointwise aggregated attention (Zhai et al., ICML 2024, arXiv:2402.17152, equations 1 to 3).

    U, V, Q, K = SiLU(W x);   A = SiLU(Q K^T + bias_position + bias_time) / n;   y = W_o(norm(A V) * U) + x

There is no softmax: a state can say how much of something there was, not only what share.

Letters: B rows, T steps, W width, H heads, D width of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.nn.times import BUCKETS


class RelativeBias(nn.Module):
    """What is added to attention logits for the distance in steps and in time. Heads share it.

    Args:
        max_len: Most steps.
        timed: Whether time counts.
    """

    def __init__(self, max_len: int, *, timed: bool) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(max_len).normal_(std=0.02))
        self.times = nn.Parameter(torch.empty(BUCKETS).normal_(std=0.02)) if timed else None

    def forward(self, steps: int, buckets: Tensor | None) -> Tensor:
        """[B or 1, T, T] of T ``steps``; ``buckets`` int64[B, T, T] between query and key, where time counts."""
        places = torch.arange(steps, device=self.positions.device)
        bias = self.positions[(places[:, None] - places).clamp(min=0)][None]
        if self.times is None or buckets is None:
            return bias
        return bias + self.times.index_select(0, buckets.flatten()).view(buckets.shape)


class HSTULayer(nn.Module):
    """One layer. [B, T, W] -> [B, T, W]; a step sees itself and what came before.

    Args:
        width: W.
        heads: H; D = W / H for queries, keys and values alike.
        max_len: n, by which sums are divided: a constant, not the number of valid steps, so that volume is kept.
        dropout: Of the gated values.
        timed: Whether the time bias exists.
    """

    def __init__(self, width: int, heads: int, *, max_len: int, dropout: float = 0.0, timed: bool = True) -> None:
        super().__init__()
        require(heads >= 1 and width % heads == 0, f"heads={heads}", f"heads share the width {width} evenly", "pass a divisor of it")
        self.heads, self.max_len = heads, max_len
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Linear(width, 4 * width, bias=False)
        self.bias = RelativeBias(max_len, timed=timed)
        self.value_norm = nn.LayerNorm(width, eps=1e-6)  # sums over n are small: the usual 1e-5 would drown early ones
        self.dropout = nn.Dropout(dropout)
        self.outward = nn.Linear(width, width)

    def forward(self, x: Tensor, buckets: Tensor | None = None) -> Tensor:
        """``buckets``: int64[B, T, T], see ``RelativeBias``."""
        rows, steps, width = x.shape
        gates, values, queries, keys = F.silu(self.inward(self.norm(x))).view(rows, steps, 4, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = pointwise_attention(queries, keys, values, self.bias(steps, buckets), self.max_len)
        flat = self.value_norm(mixed.transpose(1, 2).reshape(rows, steps, width))
        return x + self.outward(self.dropout(flat * gates.transpose(1, 2).reshape(rows, steps, width)))


def pointwise_attention(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor, length: int) -> Tensor:
    """[B, H, T, D]: sum over earlier steps j of SiLU(q_i k_j + bias_ij) v_j / ``length``.

    Args:
        queries: [B, H, T, D].
        keys: [B, H, T, D].
        values: [B, H, T, D].
        bias: [B or 1, T, T].
        length: n.
    """
    steps = queries.shape[2]
    past = torch.ones(steps, steps, dtype=torch.bool, device=queries.device).tril_()
    logits = queries @ keys.transpose(2, 3)
    weights = F.silu(logits + bias[:, None].to(logits.dtype)) * past
    return weights @ (values / length)


def pointwise_attention_reference(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor, length: int) -> Tensor:
    """The same as the sum is written, query by query, for tests."""
    out = torch.zeros_like(values)
    for query in range(queries.shape[2]):
        for key in range(query + 1):
            logit = (queries[:, :, query] * keys[:, :, key]).sum(dim=-1) + bias[:, None, query, key]
            out[:, :, query] += F.silu(logit)[..., None] * values[:, :, key] / length
    return out
