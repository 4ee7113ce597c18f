"""SRA-CL (NeurIPS 2025, arXiv:2503.04162): contrast with histories and items that are near by meaning. A loss around a network.

Letters: B rows, T steps, K neighbours, W width, D width of portraits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.data.augment import Augmentation
from penchant.data.neighbours import NeighbourBatch
from penchant.models.sequence.contrastive import known_users, summary
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.nn.dropout import Dropout
from penchant.objectives.contrast import info_nce, repeats
from penchant.objectives.views import two_views


class SemanticContrast(nn.Module):
    """Next-item loss, a contrast of each row with a mixture of its neighbours, and one of two views with near items.

    Args:
        network: What is trained; it ranks alone.
        views: Makes a view with near items in place of some.
        width: W, of the network's states.
        dim: D.
        user_weight: Of the contrast with neighbours (alpha).
        item_weight: Of the contrast of views (beta).
        dropout: Of portraits, before they say how much each neighbour counts.
        temperature: Of both contrasts, which score by inner products.
    """

    def __init__(
        self,
        network: SequenceRetriever[Any],
        views: Augmentation,
        *,
        width: int,
        dim: int,
        user_weight: float = 0.1,
        item_weight: float = 0.1,
        dropout: float = 0.5,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.network, self.views, self.temperature = network, views, temperature
        self.user_weight, self.item_weight = user_weight, item_weight
        self.dropout = Dropout(dropout)
        self.inward = nn.Linear(dim, width, bias=False)
        self.judge = nn.Linear(2 * width, 1, bias=False)

    def loss(self, batch: NeighbourBatch) -> Losses:
        """All three terms."""
        ranking, users = self.network.loss(batch.batch), known_users(batch.batch)
        rows, near = len(batch.portraits), batch.other_portraits.shape[1]
        own = summary(self.network, batch.batch)
        others = torch.cat([summary(self.network, part) for part in batch.others])[batch.places].view(rows, near, -1)
        positive = (self.shares(batch.portraits, batch.other_portraits)[..., None] * others).sum(dim=1)
        user = info_nce(own, positive, temperature=self.temperature, cosine=False, masked=repeats(users, users))
        first, second = (summary(self.network, self.views(batch.batch)) for _ in range(2))
        item = two_views(first, second, temperature=self.temperature, users=users)
        total = ranking.total + self.user_weight * user + self.item_weight * item
        return Losses(total, {**ranking.terms, "user": user.detach(), "item": item.detach()})

    def shares(self, portraits: Tensor, others: Tensor) -> Tensor:
        """float[B, K]: softmax over neighbours of leaky_relu(a [W s_u, W s_j]), from float[B, D] and float[B, K, D]."""
        own = self.inward(self.dropout(portraits))[:, None].expand(-1, others.shape[1], -1)
        pairs = torch.cat([own, self.inward(self.dropout(others))], dim=-1)
        return F.leaky_relu(self.judge(pairs)[..., 0]).softmax(dim=1)
