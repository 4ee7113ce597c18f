"""SRA-CL's loss: neighbours are weighted, each term counts with its weight, and everything learns."""

from __future__ import annotations

import numpy as np
import torch

from penchant.data.augment import substitute
from penchant.data.batches import TrainingBatches
from penchant.data.neighbours import NeighbourBatch, NeighbourBatches, nearest, portraits
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.models.sequence.semantic_contrast import SemanticContrast
from tests.contracts.planted import NUM_ITEMS, train_histories, vectors


def batch() -> NeighbourBatch:
    plain = TrainingBatches(train_histories(), max_len=12, tokens=256)
    described = portraits(plain, vectors())
    near = nearest(described, 3, groups=plain.windows.users)
    return NeighbourBatches(plain, near, described).batch(plain.plan(0)[0])


def model(**weights: float) -> SemanticContrast:
    torch.manual_seed(7)
    network = SASRec(NUM_ITEMS, SASRecSettings(width=16, heads=2, layers=1, dropout=0.0, max_len=12))
    items = np.concatenate([np.zeros((1, 2), np.int64), nearest(vectors()[1:], 2) + 1])
    return SemanticContrast(network, substitute(torch.from_numpy(items), 0.2), width=16, dim=16, dropout=0.0, **weights)


def test_shares_are_a_distribution_that_depends_on_the_neighbour() -> None:
    one, given = model(), batch()
    torch.nn.init.normal_(one.judge.weight)
    shares = one.shares(given.portraits, given.other_portraits)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares)))
    turned = one.shares(given.portraits, given.other_portraits.flip(1))
    torch.testing.assert_close(turned, shares.flip(1))
    assert shares.std(dim=1).max() > 1e-3


def test_each_term_counts_with_its_weight() -> None:
    given = batch()
    alone = model(user_weight=0.0, item_weight=0.0).loss(given)
    torch.testing.assert_close(alone.total, model().network.loss(given.batch).total)
    both = model(user_weight=2.0, item_weight=3.0).loss(given)
    torch.testing.assert_close(both.total, alone.total + 2.0 * both.terms["user"] + 3.0 * both.terms["item"])


def test_everything_learns() -> None:
    one = model()
    one.loss(batch()).total.backward()
    assert all(p.grad is not None and bool(p.grad.any()) for name, p in one.named_parameters() if "positions" not in name)
