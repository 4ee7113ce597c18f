"""Contrast between two views of the same rows: each view should be nearest to the other one of its row.

Chen et al., ICML 2020, arXiv:2002.05709, as used on histories by CL4SRec (arXiv:2010.14395).

Letters: B rows, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from penchant.objectives.contrast import info_nce, repeats


def two_views(first: Tensor, second: Tensor, *, temperature: float = 1.0, cosine: bool = False, users: Tensor | None = None) -> Tensor:
    """Mean InfoNCE over all 2B views against the 2B - 2 views of other rows.

    Args:
        first: float[B, W], one view a row.
        second: float[B, W], the other.
        temperature: Divides the scores.
        cosine: Score by the cosine instead of the inner product.
        users: int64[B]; rows of one user are no negatives of each other.
    """
    count = len(first)
    rows = torch.arange(count, device=first.device) if users is None else users
    masked = repeats(rows, rows).repeat(2, 2)  # the view itself among them; positives are never masked
    return info_nce(torch.cat([first, second]), torch.cat([second, first]), temperature=temperature, cosine=cosine, masked=masked)


def margins(first: Tensor, second: Tensor) -> Tensor:
    """The regulariser of MCLRec (arXiv:2304.07763): pairs should not be easier to tell from others than the batch demands.

    Of each view, p is the score of its own pair and n that of the hardest other view. With lo the mean of min(p, n) and
    hi the mean of max(p, n), it is mean relu(p - lo) + mean relu(hi - n).

    Args:
        first: float[B, W].
        second: float[B, W].
    """
    views = torch.cat([first, second])
    pair = (first * second).sum(dim=1).repeat(2)
    own = torch.eye(len(first), dtype=torch.bool, device=first.device).repeat(2, 2)
    hardest = (views @ views.T).masked_fill(own, -torch.inf).amax(dim=1)
    if len(first) < 2:
        return views.sum() * 0.0
    low, high = torch.minimum(pair, hardest).mean(), torch.maximum(pair, hardest).mean()
    return (pair - low).relu().mean() + (high - hardest).relu().mean()
