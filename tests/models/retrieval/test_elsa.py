"""ELSA's loss without the user-item matrix equals the one with it."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from penchant.data.histories import Histories
from penchant.data.rows import as_rows
from penchant.models.retrieval.elsa import ELSA, ELSASettings

ROWS = Histories.of([[1, 2, 5], [3], [6, 2, 4, 4]])


def test_the_loss_equals_the_dense_one_in_value_and_gradient() -> None:
    torch.manual_seed(0)
    model = ELSA(6, ELSASettings(rank=3))
    x = torch.zeros(3, 7)
    for row in range(3):
        x[row, ROWS.row(row)] = 1
    a = model.table()
    predicted = x @ (a @ a.T) - x
    plain = (F.normalize(x, dim=1) - F.normalize(predicted, dim=1)).square().sum(dim=1).mean()
    fast = model.loss(as_rows(ROWS)).total
    torch.testing.assert_close(fast, plain)
    (one,), (two,) = (torch.autograd.grad(loss, model.items.weight) for loss in (fast, plain))
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_no_item_predicts_itself() -> None:
    model = ELSA(6, ELSASettings(rank=3))
    scores = model.score(Histories.of([[item] for item in range(1, 7)]))[:, 1:]
    torch.testing.assert_close(scores.diagonal(), torch.zeros(6), atol=1e-6, rtol=0)
    torch.testing.assert_close(scores, scores.T)
