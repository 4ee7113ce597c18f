"""Next-item binary cross-entropy with sampled negatives, plain and generalised (gBCE).

Sources  plain: SASRec (Kang and McAuley, ICDM 2018, equation 6); generalised: gSASRec (Petrov and Macdonald, RecSys 2023,
         arXiv:2308.07192, equations 10 to 12)
Letters  P positions with a target, N items, W width, M negatives
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.objectives.softmax import ItemTable


class BinaryCrossEntropy:
    """-(log sigma(s+) ** beta + sum of log(1 - sigma(s-))) / (M + 1), negatives drawn uniformly from the other items.

    Sampling makes a model overconfident: it meets every target, but few of the other items. With alpha = M / (N - 1)
    the share of items met, beta = alpha * (t * (1 - 1 / alpha) + 1 / alpha) takes that back: t = 0 gives beta = 1, the
    plain loss; t = 1 gives beta = alpha, under which scores become calibrated probabilities.

    Args:
        num_items: N.
        negatives: M.
        calibration: t.
        shared: All positions of a batch meet the same M negatives, in one matrix product. Otherwise each position draws
            its own, which costs P x M x W numbers and is right for a handful of negatives.
        scale: Multiplies the logits (1 / temperature for normalised vectors).
    """

    def __init__(self, num_items: int, *, negatives: int = 1, calibration: float = 0.0, shared: bool = False, scale: float = 1.0) -> None:
        require(num_items >= 2, f"num_items={num_items}", "a negative is another item than the target", "use it with two items or more")
        require(
            1 <= negatives < num_items,
            f"negatives={negatives}",
            f"there are {num_items - 1} items beside the target",
            f"pass 1<=negatives<={num_items - 1}",
        )
        require(0 <= calibration <= 1, f"calibration={calibration}", "t lies between 0 and 1", "pass 0<=calibration<=1")
        self.num_items, self.negatives, self.shared, self.scale = num_items, negatives, shared, scale
        alpha = negatives / (num_items - 1)
        self.beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)

    def __call__(self, states: Tensor, targets: Tensor, table: ItemTable) -> Tensor:
        """float[P, W], int64[P] -> the mean loss."""
        positive = (states * table.some(targets)).sum(dim=1) * self.scale
        if self.shared:
            drawn = torch.randint(1, self.num_items + 1, (self.negatives,), device=targets.device)
            negative = states @ table.some(drawn).T * self.scale
            negative = negative.masked_fill(drawn == targets[:, None], -torch.inf)
        else:
            drawn = torch.randint(1, self.num_items, (len(targets), self.negatives), device=targets.device)
            drawn = drawn + (drawn >= targets[:, None])  # steps over the target, so that the others stay equally likely
            negative = torch.einsum("pw,pmw->pm", states, table.some(drawn)) * self.scale
        return generalised_binary(positive, negative, self.beta)


def generalised_binary(positive: Tensor, negative: Tensor, beta: float = 1.0) -> Tensor:
    """The mean of -(beta * log sigma(positive) + sum of log(1 - sigma(negative))) / (M + 1), in float32.

    As log(sigma ** beta) = beta * log sigma, no power of a probability is ever taken: softplus stays exact for any logit.

    Args:
        positive: float[P], logits of targets.
        negative: float[P, M], logits of negatives; ``-inf`` takes one out.
    """
    terms = beta * F.softplus(-positive.float()) + F.softplus(negative.float()).sum(dim=1)
    return terms.mean() / (negative.shape[1] + 1)


def generalised_binary_reference(positive: Tensor, negative: Tensor, beta: float = 1.0) -> Tensor:
    """The formula as printed, for tests: right only where no sigmoid rounds to 0 or 1."""
    terms = torch.log(torch.sigmoid(positive) ** beta) + torch.log(1 - torch.sigmoid(negative)).sum(dim=1)
    return -terms.mean() / (negative.shape[1] + 1)
