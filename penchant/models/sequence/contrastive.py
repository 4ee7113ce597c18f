"""Training a sequence network with contrast between views of its histories. Ranking is left to the network alone.

Each class here is only a loss around a network: it is trained, and the network is kept.

    TwoViews   CL4SRec (arXiv:2010.14395): next-item loss + contrast of two random views
    MetaViews  MCLRec (arXiv:2304.07763): two more views made by small networks, which learn in a phase of their own

Letters: B rows, T steps, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.data.augment import Augmentation
from penchant.data.batches import Batch
from penchant.data.phases import PhasedBatch
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.transformer import init_normal, last_valid
from penchant.objectives.views import margins, two_views


def summary(network: SequenceRetriever[Any], batch: Batch) -> Tensor:
    """[B, W], the state after each row's last step."""
    return last_valid(network.encode(batch), batch.lengths)


class TwoViews(nn.Module):
    """Next-item loss plus ``weight`` times the contrast of two views of each row.

    Args:
        network: What is trained.
        views: Makes a view; called twice.
        weight: Of the contrast.
        temperature: Of the contrast.
        cosine: Score views by the cosine instead of the inner product.
    """

    def __init__(
        self, network: SequenceRetriever[Any], views: Augmentation, *, weight: float = 0.1, temperature: float = 1.0, cosine: bool = False
    ) -> None:
        super().__init__()
        self.network, self.views = network, views
        self.weight, self.temperature, self.cosine = weight, temperature, cosine

    def loss(self, batch: Batch) -> Losses:
        """Both terms."""
        ranking = self.network.loss(batch)
        first, second = (summary(self.network, self.views(batch)) for _ in range(2))
        contrast = two_views(first, second, temperature=self.temperature, cosine=self.cosine, users=known_users(batch))
        return Losses(ranking.total + self.weight * contrast, {**ranking.terms, "contrast": contrast.detach()})


class MetaViews(nn.Module):
    """MCLRec: to two random views z0, z1 two augmenters add the views G0(z0), G1(z1).

    Every batch is passed three times: the network learns with the augmenters frozen, the augmenters learn with the network
    frozen, the network learns again. A plain batch is a single pass in which all learn at once.

    Args:
        network: What is trained.
        views: Makes a random view.
        width: W, of the network's states.
        weight: Of the contrast of the random views (lambda).
        meta_weight: Of the contrasts with learnt views in the network's passes (beta).
        margin_weight: Of the regulariser that damps pairs which are too easy.
    """

    NETWORK, AUGMENTERS, PHASES = 0, 1, 3  # phases 0 and 2 are the network's

    def __init__(
        self,
        network: SequenceRetriever[Any],
        views: Augmentation,
        *,
        width: int,
        weight: float = 0.0,
        meta_weight: float = 0.05,
        margin_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.network, self.views = network, views
        self.weight, self.meta_weight, self.margin_weight = weight, meta_weight, margin_weight
        self.augmenters = nn.ModuleList(_augmenter(width) for _ in range(2))

    def loss(self, batch: Batch | PhasedBatch) -> Losses:
        """The loss of the batch's phase."""
        if not isinstance(batch, PhasedBatch):
            return self._of_network(batch)
        if batch.phase == self.AUGMENTERS:
            with frozen(self.network):
                total = self._meta(*self._random(batch.batch), known_users(batch.batch))
            return Losses(total, {"meta": total.detach()})
        with frozen(self.augmenters):
            return self._of_network(batch.batch)

    def _of_network(self, batch: Batch) -> Losses:
        ranking, users = self.network.loss(batch), known_users(batch)
        first, second = self._random(batch)
        contrast, meta = two_views(first, second, users=users), self._meta(first, second, users)
        total = ranking.total + self.weight * contrast + self.meta_weight * meta
        return Losses(total, {**ranking.terms, "contrast": contrast.detach(), "meta": meta.detach()})

    def _random(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return summary(self.network, self.views(batch)), summary(self.network, self.views(batch))

    def _meta(self, first: Tensor, second: Tensor, users: Tensor) -> Tensor:
        learnt = [F.normalize(make(view), dim=-1) for make, view in zip(self.augmenters, (first, second), strict=True)]
        pairs = ((first, learnt[1]), (second, learnt[0]), (learnt[0], learnt[1]))
        return torch.stack([two_views(*pair, users=users) + self.margin_weight * margins(*pair) for pair in pairs]).sum()


def _augmenter(width: int) -> nn.Module:
    """Width -> width/2 -> width/4 -> width, as 64-32-16-64."""
    half, quarter = max(1, width // 2), max(1, width // 4)
    made = nn.Sequential(nn.Linear(width, half), nn.GELU(), nn.Linear(half, quarter), nn.GELU(), nn.Linear(quarter, width))
    init_normal(made, std=0.1)
    return made


@contextmanager
def frozen(part: nn.Module) -> Iterator[None]:
    """Within, results hold no gradient for the part's weights; without gradients optimisers leave weights as they are."""
    trained = [p for p in part.parameters() if p.requires_grad]
    for p in trained:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in trained:
            p.requires_grad_(True)


def known_users(batch: Batch) -> Tensor:
    """int64[B], the user of each row; unknown ones (code 0) are all different."""
    return torch.where(batch.users > 0, batch.users, -1 - torch.arange(len(batch), device=batch.users.device))
