"""Losses on the prefixes of a code tuple, for models that are searched by a beam (APAO).

A beam drops the right item as soon as a prefix of it falls out, however good the rest is. So every prefix of the target is
made likely by itself, the likeliest to be dropped with the largest weight.

Source   APAO: pointwise and pairwise prefix losses, adaptive weights of the worst prefix (as its public code has them)
Letters  P positions, L levels, M negatives
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require


def prefix_loss(
    target: Tensor,
    negatives: Tensor | None = None,
    shared: Tensor | None = None,
    *,
    rivals: Tensor | None = None,
    temperature: float = 1.0,
    focus: float = 0.0,
) -> Tensor:
    """Mean over positions of the weighted sum over levels of the losses of prefixes.

    With S_t the log-probability of the first t codes, a prefix costs -S_t / (t temperature), or, against negatives,
    -log(e^(S_t / temperature) / (e^(S_t / temperature) + g_t sum of e^(S_t^- / temperature))) / t, where those that share
    the target's prefix are left out and g_t = (rivals_t - 1) / (number left) makes few negatives stand for all. Weights
    are proportional to loss * exp(focus * loss), sum to 1 and carry no gradient.

    Args:
        target: float[P, L], log-probabilities of the target's codes, each after those above.
        negatives: float[P, M, L], the same of other items.
        shared: bool[P, M, L], whether a negative has the target's codes up to that level.
        rivals: float[L], distinct prefixes of each length in the catalogue; with ``negatives``.
        temperature: Of the prefixes' scores.
        focus: 0 weighs by the losses themselves; larger ones look more at the worst prefix.
    """
    levels = torch.arange(1, target.shape[1] + 1, device=target.device)
    sums = target.float().cumsum(dim=1)
    if negatives is None:
        losses = -sums / (levels * temperature)
    else:
        require(shared is not None and rivals is not None, "negatives alone", "they need shared and rivals", "pass all three")
        assert shared is not None and rivals is not None
        others = (negatives.float().cumsum(dim=2) / temperature).masked_fill(shared, -torch.inf)
        left = (~shared).sum(dim=1).clamp(min=1)
        weight = (rivals - 1).clamp(min=0) / left
        against = torch.logsumexp(others, dim=1) + weight.clamp(min=torch.finfo(weight.dtype).tiny).log()
        losses = F.softplus(against - sums / temperature) / levels  # nothing left to lose against costs nothing
    told = losses.detach()
    weights = told * torch.exp(focus * (told - told.amax(dim=1, keepdim=True)))
    weights = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return (weights * losses).sum(dim=1).mean()
