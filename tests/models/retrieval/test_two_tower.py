"""The two towers' correction, and that no step sees what comes after it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.retrieval.two_tower import TwoTower, TwoTowerSettings

COUNTS = np.array([0, 9, 4, 2, 0, 1])
TEXTS = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def model(**settings: object) -> TwoTower:
    torch.manual_seed(0)
    return TwoTower(COUNTS, TEXTS, TwoTowerSettings(width=4, hidden=8, max_len=8, dropout=0.0, **settings)).eval()


def test_the_loss_equals_its_definition() -> None:
    tower, batch = model(temperature=0.5), collate(Histories.of([[1, 2, 1], [3, 1]]))
    states = tower.encode(batch)
    places = [(0, 0, 1), (0, 1, 2), (0, 2, 1), (1, 0, 3), (1, 1, 1)]
    shares = (COUNTS + 1.0) / (COUNTS[1:] + 1.0).sum()
    items, total = tower.item_vectors(), 0.0
    for row, step, target in places:
        kept = [(row, step, target), *((r, s, t) for r, s, t in places if r != row and t != target)]
        scores = torch.stack([states[row, step] @ items[t] / 0.5 - np.log(shares[t]) for _, _, t in kept])
        total = total - torch.log_softmax(scores, dim=0)[0]
    torch.testing.assert_close(tower.loss(batch).total, total / 5, rtol=1e-4, atol=1e-5)


def test_chances_are_those_of_the_mixture() -> None:
    tower = model()
    items = torch.arange(1, 6)
    shares = (COUNTS[1:] + 1) / (COUNTS[1:] + 1).sum()
    np.testing.assert_allclose(tower.log_chance(items, 30, 0).exp().numpy(), shares, rtol=1e-5)
    np.testing.assert_allclose(tower.log_chance(items, 30, 10).exp().numpy(), 0.75 * shares + 0.25 / 5, rtol=1e-5)
    assert tower.log_chance(items, 3, 5).exp().sum().item() == pytest.approx(1, rel=1e-5)


def test_uncorrected_scores_and_extra_items_change_the_loss() -> None:
    batch = collate(Histories.of([[1, 2], [3, 5]]))
    plain, corrected, mixed = (model(**more).loss(batch).total for more in ({"corrected": False}, {}, {"extra": 50}))
    assert not torch.isclose(plain, corrected) and mixed > corrected


def test_a_state_knows_only_what_came_before() -> None:
    tower = model()
    long, short = collate(Histories.of([[1, 2, 3, 4]]), targets=False), collate(Histories.of([[1, 2]]), targets=False)
    torch.testing.assert_close(tower.encode(long)[0, 2], tower.encode(short)[0, 2])
    assert not torch.allclose(tower.encode(long)[0, 3], tower.encode(long)[0, 2])


def test_scores_are_cosines_over_the_temperature() -> None:
    tower = model(temperature=0.2)
    history = Histories.of([[1, 5]])
    items = F.normalize(tower.ids.weight + tower.project(torch.from_numpy(TEXTS)), dim=1)
    torch.testing.assert_close(tower.score(history)[:, 1:], (tower.states(history) @ items.T / 0.2)[:, 1:])


def test_texts_may_be_left_out_but_not_cut() -> None:
    assert TwoTower(COUNTS, np.zeros((6, 0), np.float32)).project is None
    with pytest.raises(InputError, match="6 counts, 5 texts"):
        TwoTower(COUNTS, TEXTS[1:])
