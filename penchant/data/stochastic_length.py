"""Stochastic length (HSTU, arXiv:2402.17152, section 3.3): long histories are thinned out most of the time.

Letters: B rows, T steps, N longest window.
"""

from __future__ import annotations

from dataclasses import fields

import torch

from penchant.core.errors import require
from penchant.data.batches import Batch


def stochastic_length(batch: Batch, alpha: float, max_len: int) -> Batch:
    """The batch with long rows cut to N ** (alpha / 2) steps, except with probability N ** alpha / n ** 2 for n steps.

    The steps that stay are drawn without replacement, the newer the likelier, and the newest always stays; each keeps its
    own target. Attention then costs N ** alpha instead of N ** 2 a row. One draw decides for all rows, as a batch is
    as long as its longest row; the expected share of full rows is the same.

    Args:
        alpha: In (1, 2]; 2 keeps everything.
        max_len: N.
    """
    require(1 < alpha <= 2, f"alpha={alpha}", "stochastic length takes an exponent above 1, up to 2", "pass 1<alpha<=2")
    keep = max(1, round(max_len ** (alpha / 2)))
    if int(batch.lengths.max()) <= keep:
        return batch
    lengths = batch.lengths[:, None]
    steps = torch.arange(batch.items.shape[1], device=batch.items.device)
    whole = (lengths <= keep) | (torch.rand(()) < max_len**alpha / lengths**2)
    # Gumbel noise on log weights: the top ones are a draw without replacement in proportion to the weights.
    uniform = torch.rand(batch.items.shape, device=batch.items.device).clamp_(1e-12, 1 - 1e-7)
    scores = torch.log((steps + 1.0) / lengths) - torch.log(-torch.log(uniform))
    scores = scores.masked_fill(steps >= lengths, -torch.inf).masked_fill(steps == lengths - 1, torch.inf)
    ranks = scores.argsort(dim=1, descending=True).argsort(dim=1)
    kept = (steps < lengths) & (whole | (ranks < keep))
    order = (~kept).int().argsort(dim=1, stable=True)
    remaining = kept.sum(dim=1)
    width = int(remaining.max())
    valid = steps[:width] < remaining[:, None]

    def thin(values: torch.Tensor) -> torch.Tensor:
        return values.gather(1, order)[:, :width] * valid if values.dim() == 2 else values

    return Batch(**{field.name: thin(getattr(batch, field.name)) for field in fields(batch) if field.name != "lengths"}, lengths=remaining)
