"""A pointwise ranker over rows of ids: the kind of model whose tables overfit after one epoch (Pinterest, arXiv:2508.18700).

Flow     [user row, item row, their product, item features] -> MLP -> logit; BCE on what users had and on drawn items
Departs  the paper's ranker has rich features; here an item's popularity and recent popularity stand for them

The first layer of an MLP over joined parts is a sum of one layer a part. So ranking the catalogue needs the user's and the
item's part once each, and for a row of histories only the part of the product anew.

Letters: U users, N items, W width, H hidden, B pairs, M negatives, R rows, F features.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatch, Pairs
from penchant.models.graph.rows import RowRetriever, represent
from penchant.nn.dropout import Dropout
from penchant.objectives.binary import generalised_binary
from penchant.ranking import exclude_

ITEMS = 1024  # ranked at a time
CELLS = 262_144  # numbers of a hidden layer at a time: 1 MB, which stay in cache; whole rows of items take twice as long
FEATURES = 2


class IdRankerSettings(Settings):
    """Shape of the network."""

    width: int = Field(default=32, ge=1)
    hidden: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    deviation: float = Field(default=0.1, gt=0, description="standard deviation of the first weights of the tables")


class IdRanker(RowRetriever[IdRankerSettings]):
    """Scores a user and an item by an MLP over their rows.

    Args:
        pairs: Who had what in training.
        settings: Shape of the network.
        features: float32[N + 1, 2] of items, see ``popularity_features``; zeros by default.
    """

    KIND = "id_ranker"
    SETTINGS = IdRankerSettings
    features: Tensor

    def __init__(self, pairs: Pairs, settings: IdRankerSettings | None = None, features: np.ndarray | None = None) -> None:
        settings = settings or IdRankerSettings()
        super().__init__(pairs, settings, width=settings.width, deviation=settings.deviation)
        given = np.zeros((pairs.num_items + 1, FEATURES), np.float32) if features is None else features
        self.register_buffer("features", torch.from_numpy(given))
        width, hidden = settings.width, settings.hidden
        self.of_user = nn.Linear(width, hidden, bias=False)
        self.of_item = nn.Linear(width + FEATURES, hidden)
        self.of_both = nn.Linear(width, hidden, bias=False)
        self.dropout = Dropout(settings.dropout)
        self.last = nn.Linear(hidden, 1)

    @torch.no_grad()
    def take_tables(self, users: Tensor, items: Tensor, *, frozen: bool = False) -> None:
        """Begin from rows float[U + 1, W] and float[N + 1, W]; ``frozen`` ones are not trained."""
        for table, rows in ((self.users, users), (self.items, items)):
            table.weight.copy_(rows)
            table.weight.requires_grad_(not frozen)

    def logits(self, users: Tensor, items: Tensor) -> Tensor:
        """float[B, C] of users int64[B] and items int64[B, C]."""
        mine, theirs = self.users(users)[:, None], self.items(items)
        known = torch.cat([theirs, self.features[items]], dim=-1)
        hidden = F.relu(self.of_user(mine) + self.of_item(known) + self.of_both(mine * theirs))
        return self.last(self.dropout(hidden)).squeeze(-1)

    def loss(self, batch: PairBatch) -> Losses:
        """Binary cross-entropy of B items that users had and B x M that they did not have."""
        found = self.logits(batch.users, torch.cat([batch.items[:, None], batch.negatives], dim=1))
        loss = generalised_binary(found[:, 0], found[:, 1:])
        return Losses(loss, {"bce": loss.detach()})

    @torch.no_grad()
    def score(self, histories: Histories) -> Tensor:
        """float32[R, N + 1], logits; column 0 is ``-inf``."""
        items, last = self.items.weight, self.last.weight[0]
        rows = represent(self.pairs, self.users.weight, items, histories, same_length=True)
        of_item = self.of_item(torch.cat([items, self.features], dim=1))
        # sum over w of (u_w v_w) m_wh = v @ (u * m): the matrix takes the user's row in, not the N rows of items
        matrices = torch.cat([rows[:, :, None] * self.of_both.weight.T, self.of_user(rows)[:, None]], dim=1)
        widened = torch.cat([items, torch.ones_like(items[:, :1])], dim=1)
        out = rows.new_empty(len(rows), self.num_items + 1)
        step = max(1, CELLS // (ITEMS * len(last)))
        for first in range(0, len(items), ITEMS):
            block = slice(first, first + ITEMS)
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                hidden = (widened[block] @ matrices[part]).add_(of_item[block]).relu_()
                out[part, block] = hidden @ last + self.last.bias
        return exclude_(out, None)


def popularity_features(pairs: Pairs, newest: np.ndarray) -> np.ndarray:
    """float32[N + 1, 2]: the logarithms of how many users had an item, ever and among the ``newest`` pairs (bool[E]), standardised."""
    counts = np.stack([pairs.item_degrees, np.bincount(pairs.items[newest], minlength=pairs.num_items + 1)], axis=1)
    found = np.log1p(counts)
    return ((found - found[1:].mean(axis=0)) / np.maximum(found[1:].std(axis=0), 1e-6)).astype(np.float32)
