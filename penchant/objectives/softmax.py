"""Next-item cross-entropy: over the whole catalogue, or over sampled items with the log-Q correction.

Letters: P positions with a target, N items, W width, M sampled negatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require


class ItemTable(Protocol):
    """Output vectors of items; row 0 (padding) takes no part in any loss."""

    def all(self) -> Tensor:
        """float[N + 1, W]."""
        ...

    def some(self, items: Tensor) -> Tensor:
        """int64[...] -> float[..., W]."""
        ...


SUMS = 16  # partial sums a position: no more work than one, where matrices are multiplied in tiles of 16 rows
SAFE_LOGIT = 60.0  # no logit can be larger, either sign: then exp and its sums need no shift, in float32 and in bfloat16

#: Maps states [P, W], targets int64[P] and the item table to the mean loss.
Objective = Callable[[Tensor, Tensor, ItemTable], Tensor]


class FullSoftmax:
    """Cross-entropy over all N items, for catalogues up to some 50,000.

    Args:
        scale: Multiplies the logits (1 / temperature for normalised vectors).
        chunk: Positions handled at a time. A chunk of logits stays in cache, and the P x N matrix never exists.
    """

    def __init__(self, *, scale: float = 1.0, chunk: int = 1024) -> None:
        self.scale = scale
        self.chunk = chunk

    def __call__(self, states: Tensor, targets: Tensor, table: ItemTable) -> Tensor:
        return linear_cross_entropy(states * self.scale, table.all()[1:], targets - 1, chunk=self.chunk)


class SampledSoftmax:
    """Cross-entropy of the target against M items shared by the batch, drawn in proportion to popularity ** ``power``.

    Logits of negatives are corrected by -log(expected number of draws), so that exp(target) + sum of exp(negatives)
    estimates the full sum without bias (Bengio and Senecal 2008; Yi et al., RecSys 2019). The target itself is always
    among the items, with certainty, so it gets no correction; a draw that equals it is taken out.

    Args:
        counts: float[N + 1], training events an item (index 0 is ignored).
        negatives: M.
        power: 0 draws uniformly, 1 by popularity.
        correction: Whether logits of negatives are corrected; without it popular items are pushed down.
    """

    def __init__(self, counts: np.ndarray, *, negatives: int, power: float = 0.5, scale: float = 1.0, correction: bool = True) -> None:
        require(negatives >= 1, f"negatives={negatives}", "a sampled softmax needs at least one negative", "pass negatives>=1")
        weights = (counts[1:].astype(np.float64) + 1.0) ** power
        share = torch.from_numpy(weights / weights.sum())
        self.cumulative = share.cumsum(0)
        self.log_expected = torch.log(share * negatives).float() if correction else torch.zeros(len(share))
        self.negatives = negatives
        self.scale = scale

    def __call__(self, states: Tensor, targets: Tensor, table: ItemTable) -> Tensor:
        drawn = torch.searchsorted(self.cumulative, torch.rand(self.negatives, dtype=torch.float64)).clamp_(max=len(self.cumulative) - 1)
        positive = (states * table.some(targets)).sum(dim=1) * self.scale
        negative = states @ table.some(drawn + 1).T * self.scale - self.log_expected[drawn]
        negative = negative.masked_fill(drawn + 1 == targets[:, None], -torch.inf)
        return (torch.logsumexp(torch.cat([positive[:, None], negative], dim=1).float(), dim=1) - positive.float()).mean()


def linear_cross_entropy(states: Tensor, weights: Tensor, targets: Tensor, *, chunk: int = 1024) -> Tensor:
    """Mean cross-entropy of ``states @ weights.T`` at ``targets`` without the P x N matrix.

    Equal in value and gradients to ``F.cross_entropy(states @ weights.T, targets)`` (tested), computed chunk by chunk
    with the gradients made on the way. Matrix products run in the autocast type, sums in float32.

    Args:
        states: float[P, W].
        weights: float[N, W].
        targets: int64[P] in 0..N-1.
    """
    if not torch.is_grad_enabled():
        return _chunked(states, weights, targets, chunk, _autocast_type(states), gradients=False)[0]
    return _LinearCrossEntropy.apply(states, weights, targets, chunk, _autocast_type(states))  # type: ignore[no-any-return]


def linear_cross_entropy_reference(states: Tensor, weights: Tensor, targets: Tensor) -> Tensor:
    """The plain form of ``linear_cross_entropy``."""
    return F.cross_entropy(states @ weights.T, targets)


def _autocast_type(states: Tensor) -> torch.dtype:
    kind = states.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype


def _chunked(
    states: Tensor, weights: Tensor, targets: Tensor, chunk: int, kind: torch.dtype, *, gradients: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """The loss, and the gradients of P times the loss by states and weights.

    The logits of a chunk are read and written as few times as can be: once made, once raised, twice multiplied. They lie
    items by positions, so that the largest product, that of the weights' gradient, reads them as they lie. Rows are
    normalised in the thin factors of the products instead of in the powers. Indicator rows below the weights give the
    sums: SUMS partial sums, as each leaves the product rounded to ``kind``.
    """
    (count, width), items = states.shape, len(weights)
    thin_states, thin_weights = states.to(kind), weights.to(kind)
    loss = torch.zeros((), dtype=torch.float32, device=states.device)
    by_state = torch.empty_like(states, dtype=torch.float32) if gradients else None
    by_weight = torch.zeros_like(weights, dtype=torch.float32) if gradients else None
    with torch.autocast(states.device.type, enabled=False):
        small = _largest_norm(states) * _largest_norm(weights) < SAFE_LOGIT
        sums_of = torch.arange(SUMS, device=states.device)[:, None] == torch.arange(items, device=states.device) % SUMS
        below = torch.cat([thin_weights.T.contiguous(), sums_of.to(kind)]) if gradients else sums_of.to(kind)
        room = thin_states.new_empty(items * min(chunk, count))  # used again by every chunk: fresh memory is slower than the product
        for start in range(0, count, chunk):
            part, goal = thin_states[start : start + chunk], targets[start : start + chunk]
            logits = torch.mm(thin_weights, part.T, out=room[: items * len(part)].view(items, len(part)))
            if not small:
                logits -= logits.amax(dim=0)  # so that exp neither overflows nor loses the largest terms
            at_goal = logits.gather(0, goal[None])[0].float()
            powers = logits.exp_()
            means = (below @ powers).float()
            sums = means[-SUMS:].sum(dim=0)
            loss += (sums.log() - at_goal).sum()
            if by_state is None or by_weight is None:
                continue
            wanted = thin_weights[goal]
            torch.sub((means[:width] / sums).T, wanted, out=by_state[start : start + chunk])
            by_weight += powers @ (part / sums[:, None]).to(kind)
            by_weight.index_add_(0, goal, part.float(), alpha=-1.0)
    return loss / count, by_state, by_weight


def _largest_norm(rows: Tensor) -> float:
    return float(torch.linalg.vector_norm(rows.detach(), dim=1).amax()) if len(rows) else 0.0


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, weights: Tensor, targets: Tensor, chunk: int, kind: torch.dtype) -> Tensor:
        loss, by_state, by_weight = _chunked(states.detach(), weights.detach(), targets, chunk, kind, gradients=True)
        ctx.save_for_backward(by_state, by_weight)
        ctx.types = (states.dtype, weights.dtype, len(states))
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        by_state, by_weight = ctx.saved_tensors
        state_type, weight_type, count = ctx.types
        scale = grads[0] / count
        return (by_state * scale).to(state_type), (by_weight * scale).to(weight_type), None, None, None
