"""The ranker of ids: its catalogue scores are its logits, whose rows it uses, and what freezing does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.data.histories import Histories
from penchant.data.pairs import PairBatches, Pairs
from penchant.models.graph import id_ranker
from penchant.models.graph.id_ranker import IdRanker, IdRankerSettings, popularity_features
from penchant.models.graph.rows import represent

TRAIN = Histories.of([[1, 2, 3], [2, 3], [], [4, 1]], users=[1, 2, 3, 4])
PAIRS = Pairs.of(TRAIN, 5)


def made(**settings: object) -> IdRanker:
    torch.manual_seed(0)
    features = popularity_features(PAIRS, np.ones(len(PAIRS), bool))
    return IdRanker(PAIRS, IdRankerSettings(width=4, hidden=8, deviation=1.0, **settings), features).eval()  # type: ignore[arg-type]


def test_catalogue_scores_are_the_logits_in_any_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    model, users = made(), torch.tensor([1, 2, 4])
    wanted = model.logits(users, torch.arange(1, 6).expand(3, 5))
    given = TRAIN.take(np.array([0, 1, 3]))
    torch.testing.assert_close(model.score(given)[:, 1:], wanted.detach(), rtol=1e-5, atol=1e-6)
    monkeypatch.setattr(id_ranker, "ITEMS", 4)
    monkeypatch.setattr(id_ranker, "CELLS", 2 * 4 * 8)
    torch.testing.assert_close(model.score(given)[:, 1:], wanted.detach(), rtol=1e-5, atol=1e-6)


def test_logits_are_those_of_one_network_over_joined_parts() -> None:
    model, users, items = made(), torch.tensor([1, 4]), torch.tensor([[2], [5]])
    mine, theirs = model.users(users), model.items(items[:, 0])
    joined = torch.cat([mine, theirs, model.features[items[:, 0]], mine * theirs], dim=1)
    weights = torch.cat([model.of_user.weight, model.of_item.weight, model.of_both.weight], dim=1)
    wanted = model.last((joined @ weights.T + model.of_item.bias).relu())
    torch.testing.assert_close(model.logits(users, items), wanted)


def test_the_loss_is_binary_cross_entropy() -> None:
    model, batch = made(), PairBatches(PAIRS, size=7, negatives=2).batch(np.arange(7))
    logits = model.logits(batch.users, torch.cat([batch.items[:, None], batch.negatives], dim=1))
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([1.0, 0.0, 0.0]).expand_as(logits))
    torch.testing.assert_close(model.loss(batch).total, wanted)


def test_taken_tables_are_trained_unless_frozen() -> None:
    users, items = torch.randn(5, 4), torch.randn(6, 4)
    batch = PairBatches(PAIRS, size=7).batch(np.arange(7))
    for frozen in (True, False):
        model = made()
        model.take_tables(users, items, frozen=frozen)
        torch.testing.assert_close(model.items.weight.detach(), items)
        model.loss(batch).total.backward()
        assert (model.users.weight.grad is None) == frozen
        assert model.of_both.weight.grad is not None


def test_folded_in_rows_have_the_direction_of_their_items_and_the_length_of_learned_ones() -> None:
    model = made()
    users, items = model.users.weight.detach(), model.items.weight.detach()
    given = Histories.of([[2, 3], [], [1, 2, 3, 5]], users=[0, 0, 1])
    found = represent(PAIRS, users, items, given, same_length=True)
    plain = represent(PAIRS, users, items, given)
    length = users[[1, 2, 4]].norm(dim=1).mean()
    torch.testing.assert_close(found[0], plain[0] / plain[0].norm() * length)
    torch.testing.assert_close(found[1], users[[1, 2, 4]].mean(dim=0))
    torch.testing.assert_close(found[2], users[1])


def test_features_are_standardised_logarithms_of_counts() -> None:
    found = popularity_features(PAIRS, np.zeros(len(PAIRS), bool))
    counts = np.log1p([2, 2, 2, 1, 0])
    np.testing.assert_allclose(found[1:, 0], (counts - counts.mean()) / counts.std(), rtol=1e-6)
    assert not found[:, 1].any()


def test_saved_rankers_keep_their_features(tmp_path: Path) -> None:
    model = made()
    model.save(tmp_path / "ranker")
    again = IdRanker.load(tmp_path / "ranker")
    torch.testing.assert_close(again.score(TRAIN), model.score(TRAIN), rtol=0, atol=0)
