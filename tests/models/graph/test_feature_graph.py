"""Content over the graph: means are means, what nobody had keeps its content, and it learns who has what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.pairs import PairBatches, Pairs
from penchant.models.graph.feature_graph import FeatureGraph, FeatureGraphSettings, MeanLayer
from penchant.models.graph.propagation import Propagation
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

#: Two camps of users, each with its own five items; item 11 is nobody's.
HISTORIES = Histories.of([[1 + 5 * (user % 2) + (user + place) % 5 for place in range(3)] for user in range(20)], users=np.arange(1, 21))
PAIRS = Pairs.of(HISTORIES, 11)
CONTENT = np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32)
SETTINGS = FeatureGraphSettings(content=6, width=8, out=4, dropout=0.0, last_dropout=0.0)


def made() -> FeatureGraph:
    torch.manual_seed(0)
    return FeatureGraph(PAIRS, SETTINGS, CONTENT)


def test_a_layer_reads_the_mean_of_the_neighbours() -> None:
    degrees = torch.from_numpy(np.concatenate([PAIRS.user_degrees, PAIRS.item_degrees])).float()
    layer = MeanLayer(Propagation(PAIRS), degrees, 3, 3)
    torch.nn.init.zeros_(layer.own.weight), torch.nn.init.zeros_(layer.own.bias), torch.nn.init.eye_(layer.near.weight)
    x = torch.randn(33, 3)
    found = layer(x)
    torch.testing.assert_close(found[1], x[21 + PAIRS.items[PAIRS.users == 1]].mean(dim=0))
    torch.testing.assert_close(found[21 + 2], x[PAIRS.users[PAIRS.items == 2]].mean(dim=0))
    assert not found[21 + 11].any() and not found[0].any()


def test_an_item_without_users_depends_on_its_content_alone() -> None:
    model = made().eval()
    before = model.vectors()[1]
    with torch.no_grad():
        model.users.weight.normal_()
    model.eval()
    after = model.vectors()[1]
    torch.testing.assert_close(before[11], after[11])
    assert not torch.allclose(before[1], after[1])


def test_it_learns_which_camp_an_item_belongs_to_and_is_saved(tmp_path: Path) -> None:
    training = TrainSettings(learning_rate=2e-2, weight_decay=0, epochs=30, warmup_steps=2, bf16=False)
    model = made()
    Trainer(training).fit(model, PairBatches(PAIRS, size=16, negatives=5))  # type: ignore[arg-type]
    model.eval()
    found = model.recommend(HISTORIES, 5).items
    assert (found[::2] <= 5).mean() > 0.95 and (found[1::2] > 5).mean() > 0.95
    stranger = Histories.of([[1, 2], [7, 9], []])
    assert set(model.recommend(stranger, 3).items[0]) <= {1, 2, 3, 4, 5}
    model.save(tmp_path / "model")
    again = FeatureGraph.load(tmp_path / "model")
    assert torch.equal(model.score(stranger), again.score(stranger))
    assert np.array_equal(again.items.weight.numpy(), CONTENT)


def test_gradients_reach_users_through_both_layers() -> None:
    model = made()
    model.loss(PairBatches(PAIRS, size=60, negatives=2).batch(np.arange(60))).total.backward()
    assert model.users.weight.grad is not None and model.users.weight.grad[1:].abs().sum(dim=1).min() > 0
    assert model.items.weight.grad is None


def test_content_has_a_row_an_item() -> None:
    with pytest.raises(InputError, match=r"content of shape \(3, 6\)"):
        FeatureGraph(PAIRS, SETTINGS, CONTENT[:3])
