"""Bayesian personalised ranking: what a user had should score above what the user did not have.

Rendle et al., UAI 2009, arXiv:1205.2618.

Letters: B pairs, M negatives, W width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Mean of -ln sigmoid(positive - negative) over all B x M comparisons.

    Args:
        positive: float[B], scores of what the users had.
        negative: float[B, M], scores of what they did not have.
    """
    return F.softplus(negative.float() - positive.float()[:, None]).mean()


def ridge(*rows: Tensor) -> Tensor:
    """Half the sum of squares of the given rows, a pair: 1/2 sum ||row||^2 / B.

    Args:
        rows: float[B, ..., W] each, the rows that a batch touches (repeats count), before any propagation.
    """
    return sum((part.float().square().sum() for part in rows), start=rows[0].new_zeros(())) / (2 * len(rows[0]))
