"""State space duality: the selective state space of Mamba-2 (Dao and Gu, ICML 2024, arXiv:2405.21060), in plain torch.

    h_t = exp(dt_t a) h_{t-1} + dt_t b_t x_t^T;   y_t = c_t h_t;   the same as  y = ((C B^T) * L) (dt x)

Letters: B rows, T steps, W width, H heads, P width of a head, S size of the state, K steps of a chunk.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.core.errors import require


class StateSpaceMixer(nn.Module):
    """Mixes steps by a selective state space. [B, T, W] -> [B, T, W], causal, linear in T.

    Args:
        width: W.
        expand: The inner width is W * expand.
        head: P; H = W * expand / P.
        state: S.
        kernel: Steps that the convolution before it sees.
        chunk: K.
    """

    def __init__(self, width: int, *, expand: int = 2, head: int = 32, state: int = 32, kernel: int = 4, chunk: int = 64) -> None:
        super().__init__()
        inner = width * expand
        require(inner % head == 0, f"head={head}", f"heads share the inner width {inner} evenly", "pass a divisor of it")
        self.heads, self.chunk = inner // head, chunk
        self.sizes = [inner, inner + 2 * state, self.heads]
        self.parts = [inner, state, state]
        self.inward = nn.Linear(width, sum(self.sizes), bias=False)
        self.convolution = CausalConv(inner + 2 * state, kernel)
        steps = torch.exp(torch.linspace(-6.9, -2.3, self.heads))  # between 0.001 and 0.1 of a step, as in Mamba
        self.step_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # the inverse of softplus
        self.decay_log = nn.Parameter(torch.log(torch.linspace(1.0, 16.0, self.heads)))
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = GatedRMSNorm(inner)
        self.outward = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, tempo: Tensor | None = None) -> Tensor:
        """``tempo``: [B, T, H], multiplies the raw step sizes; None leaves them."""
        rows, steps, _ = x.shape
        gates, mixed, raw = self.inward(x).split(self.sizes, dim=-1)
        values, b, c = F.silu(self.convolution(mixed)).split(self.parts, dim=-1)
        raw = raw.float() if tempo is None else raw.float() * tempo.float()
        dt = F.softplus(raw + self.step_bias)
        values = values.reshape(rows, steps, self.heads, -1)
        y = state_space(values, dt, -torch.exp(self.decay_log), b, c, chunk=self.chunk)
        y = y + self.skip.to(y.dtype)[:, None] * values
        return self.outward(self.norm(y.reshape(rows, steps, -1), gates))


class CausalConv(nn.Module):
    """A depthwise convolution over this step and those just before it. [B, T, C] -> [B, T, C].

    Written as a sum of shifted products: a grouped convolution has no fast path on processors for so few taps.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        require(kernel >= 1, f"kernel={kernel}", "a convolution sees at least its own step", "pass kernel>=1")
        self.weight = nn.Parameter(torch.empty(kernel, channels).uniform_(-(kernel**-0.5), kernel**-0.5))  # row 0: this step
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        steps, weight = x.shape[1], self.weight.to(x.dtype)
        out = x * weight[0] + self.bias.to(x.dtype)
        for back in range(1, min(len(weight), steps)):
            out = out + F.pad(x[:, :-back] * weight[back], (0, 0, back, 0))
        return out


class GatedRMSNorm(nn.Module):
    """RMSNorm of y * SiLU(z), in float32. [..., C], [..., C] -> [..., C]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, y: Tensor, z: Tensor) -> Tensor:
        return F.rms_norm(y.float() * F.silu(z.float()), self.weight.shape, self.weight, eps=1e-6).to(y.dtype)


def state_space(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, *, chunk: int = 64) -> Tensor:
    """The outputs y [B, T, H, P], in chunks: the quadratic form within each, a recurrence of one state a chunk between them.

    Equal in value and gradients to ``state_space_reference`` (tested). Sums and exponentials run in float32, products in
    the type of ``x``.

    Args:
        x: [B, T, H, P].
        dt: float32[B, T, H], positive step sizes.
        a: float32[H], negative decay rates.
        b: [B, T, S], shared by heads.
        c: [B, T, S], shared by heads.
        chunk: K.
    """
    rows, steps, heads, size = x.shape
    kind, chunk = x.dtype, min(chunk, steps)
    extra = -steps % chunk
    if extra:  # steps of size 0 neither decay nor add
        x, b, c, dt = (F.pad(part, (0, 0) * (part.dim() - 2) + (0, extra)) for part in (x, b, c, dt))
    count = (steps + extra) // chunk
    with torch.autocast(x.device.type, enabled=False):
        moved = (x.float() * dt[..., None]).to(kind).view(rows, count, chunk, heads, size).transpose(2, 3)  # [B, count, H, K, P]
        b, c = b.view(rows, count, chunk, -1), c.view(rows, count, chunk, -1)
        falls = (dt * a).view(rows, count, chunk, heads).cumsum(dim=2).transpose(2, 3)  # [B, count, H, K]
        within = (c @ b.transpose(2, 3))[:, :, None] * _decay(falls).to(kind)
        y = within @ moved
        if count > 1:
            left = torch.exp(falls[..., -1:] - falls).to(kind)  # what remains of a step at its chunk's end
            own = b.transpose(2, 3)[:, :, None] @ (moved * left[..., None])  # [B, count, H, S, P]
            whole = torch.exp(falls[..., -1]).to(kind)[..., None, None]
            state, before = torch.zeros_like(own[:, 0]), []
            for index in range(count):
                before.append(state)
                state = whole[:, index] * state + own[:, index]
            y = y + (c[:, :, None] @ torch.stack(before, dim=1)) * torch.exp(falls).to(kind)[..., None]
    return y.transpose(2, 3).reshape(rows, count * chunk, heads, size)[:, :steps]


def state_space_reference(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The recurrence, step by step, for tests. Shapes as in ``state_space``."""
    rows, steps, heads, size = x.shape
    state, out = x.new_zeros(rows, heads, b.shape[-1], size), []
    for step in range(steps):
        added = torch.einsum("bh,bs,bhp->bhsp", dt[:, step], b[:, step], x[:, step])
        state = torch.exp(dt[:, step] * a)[..., None, None] * state + added
        out.append(torch.einsum("bs,bhsp->bhp", c[:, step], state))
    return torch.stack(out, dim=1)


def _decay(falls: Tensor) -> Tensor:
    """float32[..., K, K] of exp(falls_i - falls_j) for j <= i, else 0. Masked before exp, which could overflow otherwise."""
    spans = falls[..., :, None] - falls[..., None, :]
    future = torch.ones(spans.shape[-2:], dtype=torch.bool, device=falls.device).triu_(1)
    return torch.exp(spans.masked_fill(future, -torch.inf))
