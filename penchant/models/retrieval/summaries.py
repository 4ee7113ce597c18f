"""Summaries as supervision (EmbSum, arXiv:2405.11441): a network's summary state has to name what a history is about. Training only.

A summary is the few facets that weigh most in the events so far, and the loss the cross-entropy of naming them. Nothing of it comes
after the step that it is asked of.

Letters: B rows, T steps, W width, N items, F facets.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from penchant.contracts import Losses
from penchant.core.errors import require
from penchant.data.batches import Batch
from penchant.models.retrieval.embsum import EmbSum


class TaughtSummaries(nn.Module):
    """Trains a network that summarises; it ranks alone afterwards.

    Args:
        network: What is trained.
        facets: float32[N + 1, F], what each facet of an item weighs; row 0 is ignored.
        weight: Of the summary loss (lambda).
        named: Facets of a summary, at most.
        shuffled: Whether each history has to name what another one of its batch is about, as a control.

    Raises:
        InputError: The facets are of another number of items.
    """

    facets: Tensor

    def __init__(self, network: EmbSum, facets: np.ndarray, *, weight: float = 0.1, named: int = 8, shuffled: bool = False) -> None:
        super().__init__()
        rows = network.num_items + 1
        require(len(facets) == rows, f"facets of shape {facets.shape}", f"there is a row an item, {rows} with row 0", "pass [N + 1, F]")
        self.network, self.weight, self.shuffled = network, weight, shuffled
        self.named = min(named, facets.shape[1])
        given = torch.from_numpy(np.concatenate([np.zeros_like(facets[:1]), facets[1:]]).astype(np.float32))
        self.register_buffer("facets", given, persistent=False)
        self.naming = nn.Linear(network.settings.width, facets.shape[1])

    def loss(self, batch: Batch) -> Losses:
        """Both terms."""
        events, vectors = self.network.catalogue()
        users, summary = self.network.read(batch, events)
        ranking, told = self.network.ranking(batch, users, vectors), self.summaries(batch)
        has = told.sum(dim=-1) > 0
        chances = self.naming(summary[has]).float().log_softmax(dim=-1)
        naming = -(told[has] * chances).sum(dim=-1).mean() if bool(has.any()) else ranking.new_zeros(())
        return Losses(ranking + self.weight * naming, {"softmax": ranking.detach(), "summary": naming.detach()})

    def summaries(self, batch: Batch) -> Tensor:
        """float32[B, T, F], shares of the facets of a summary after each step; zero where there is none, padding among it."""
        summed = self.facets[batch.items].cumsum(dim=1)
        best, which = summed.topk(self.named, dim=-1)
        told = torch.zeros_like(summed).scatter_(-1, which, best)
        told = told / told.sum(dim=-1, keepdim=True).clamp(min=1e-9)
        steps = torch.arange(told.shape[1], device=told.device)
        if self.shuffled:
            others = torch.arange(len(told), device=told.device).roll(1)
            told = told[others[:, None], torch.minimum(steps, batch.lengths[others, None] - 1)]
        return told * (steps < batch.lengths[:, None])[..., None]
