"""Towers of modalities: what they score, what they do not know, and that they learn from content alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.retrieval.modal_towers import ModalSettings, ModalTowers
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

RANDOM = np.random.default_rng(0)
#: Items 1..20 in four kinds of five; the first modality knows the kind, the second is noise. Nobody had 5, 10, 15, 20.
KINDS = np.arange(20) // 5
FEATURES = [
    np.concatenate([np.zeros((1, 6)), RANDOM.normal(size=(4, 6))[KINDS] + 0.1 * RANDOM.normal(size=(20, 6))]).astype(np.float32),
    RANDOM.normal(size=(21, 3)).astype(np.float32),
]
CLUSTERS = np.concatenate([[[-1, -1]], np.stack([KINDS, np.arange(20) % 3], axis=1)]).astype(np.int32)
HISTORIES = Histories.of([5 * (user % 4) + 1 + RANDOM.integers(0, 4, 6) for user in range(80)])
COUNTS = np.bincount(HISTORIES.items, minlength=21)
SMALL = ModalSettings(width=8, hidden=16, max_len=8, dropout=0.0)


def made(**changes: object) -> ModalTowers:
    torch.manual_seed(0)
    return ModalTowers(COUNTS, FEATURES, CLUSTERS, SMALL.but(**changes)).eval()


def test_scores_add_up_over_modalities() -> None:
    model = made()
    batch = collate(HISTORIES.take(np.arange(3)), targets=False)
    interests = model.interests(batch.items)[:, -1]
    parts = model.rows(torch.arange(21)).view(21, 3, 8)
    weights = model.intensities(interests)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3))
    alike = F.cosine_similarity(interests[:, :1], interests[:, 1:], dim=-1)
    torch.testing.assert_close(weights, (alike / model.settings.sharpness).softmax(dim=-1))
    wanted = torch.einsum("bw,nw->bn", interests[:, 0], parts[:, 0])
    wanted = wanted + sum(weights[:, m, None] * interests[:, m + 1] @ parts[:, m + 1].T for m in range(2))
    torch.testing.assert_close(model.score(HISTORIES.take(np.arange(3)))[:, 1:], wanted[:, 1:] / 0.1, rtol=1e-4, atol=1e-4)
    assert (made(intensity=False).intensities(interests) == 0.5).all()


def test_what_comes_later_is_not_seen_and_items_have_no_ids() -> None:
    model = made()
    one, two = (model.encode(collate(Histories.of([[1, 7, last]]), targets=False)) for last in (3, 18))
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3], two[:, 3])
    before = model.item_vectors()
    with torch.no_grad():
        model.ids.weight.normal_()
    torch.testing.assert_close(model.eval().item_vectors(), before)


def test_decoupling_is_what_it_says() -> None:
    model = made()
    interests = F.normalize(torch.randn(1, 2, 8), dim=-1)
    items = F.normalize(torch.randn(1, 2, 8), dim=-1)
    cosine = interests[0] @ items[0].T
    wanted = [max(0.0, 0.2 - float(cosine[m, m]) + float(cosine[m, 1 - m])) for m in range(2)]
    assert float(model.decoupling(interests, items)) == pytest.approx(np.mean(wanted), abs=1e-5)
    assert float(ModalTowers(COUNTS, FEATURES[:1], CLUSTERS[:, :1], SMALL).decoupling(interests[:, :1], items[:, :1])) == 0


@pytest.mark.parametrize("clustered", [True, False])
def test_it_finds_new_items_of_the_kind(clustered: bool, tmp_path: Path) -> None:
    model = made(clustered=clustered)
    Trainer(TrainSettings(max_len=8, tokens=256, epochs=12, learning_rate=1e-2, warmup_steps=2, bf16=False)).fit(model, HISTORIES)
    model.eval()
    asked = HISTORIES.take(np.arange(8))
    scores = model.score(asked)
    new = torch.tensor([5, 10, 15, 20])
    assert (new[scores[:, new].argmax(dim=1)] == 5 * (torch.arange(8) % 4) + 5).all()
    model.save(tmp_path / "model")
    assert torch.equal(ModalTowers.load(tmp_path / "model").score(asked), scores)


def test_gradients_reach_every_part() -> None:
    model = made().train()
    model.loss(collate(HISTORIES.take(np.arange(12)))).total.backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.parameters())


def test_bad_input() -> None:
    with pytest.raises(InputError, match="clusters a column a modality"):
        ModalTowers(COUNTS, FEATURES, CLUSTERS[:, :1], SMALL)
