"""Optimisers: who updates what, orthogonal updates, and runs that go on exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from penchant.core.errors import InputError
from penchant.data.batches import Batch
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.nn.transformer import SelfAttention
from penchant.train.loop import Trainer
from penchant.train.muon import hidden_matrices, muon
from penchant.train.optimisers import then_sgd
from penchant.train.settings import TrainSettings
from tests.contracts.planted import NUM_ITEMS, train_histories

SETTINGS = TrainSettings(
    max_len=12, tokens=128, epochs=3, learning_rate=3e-3, warmup_steps=3, patience=50, bf16=False, checkpoint_seconds=1e-9
)
SHAPE = SASRecSettings(width=16, heads=2, layers=1, dropout=0.2, max_len=12)
MADE: dict[str, Callable[[nn.Module, TrainSettings], torch.optim.Optimizer]] = {
    "muon": muon(hidden_rate=2.0),
    "then_sgd": then_sgd(at=7, rate_share=5.0),
}


def model() -> SASRec:
    torch.manual_seed(7)
    return SASRec(NUM_ITEMS, SHAPE)


def weights(net: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


class Dying(SASRec):
    """Is killed after some batches."""

    left = 0

    def loss(self, batch: Batch):  # type: ignore[no-untyped-def]
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(batch)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("after", [4, 11])
def test_a_killed_run_goes_on_exactly(name: str, after: int, tmp_path: Path) -> None:
    whole = model()
    Trainer(SETTINGS, optimiser=MADE[name]).fit(whole, train_histories())
    torch.manual_seed(7)
    dying = Dying(NUM_ITEMS, SHAPE)
    dying.left = after
    with pytest.raises(KeyboardInterrupt):
        Trainer(SETTINGS, tmp_path, optimiser=MADE[name]).fit(dying, train_histories())
    resumed = model()
    Trainer(SETTINGS, tmp_path, optimiser=MADE[name]).fit(resumed, train_histories())
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)


@pytest.mark.parametrize("name", MADE)
def test_it_learns(name: str) -> None:
    run = Trainer(SETTINGS.but(epochs=8), optimiser=MADE[name]).fit(model(), train_histories())
    assert run.log[-1]["loss"] < 0.85 * run.log[0]["loss"]


def test_muon_takes_the_matrices_between_layers_and_nothing_else() -> None:
    net = nn.ModuleDict(
        {
            "table": nn.Embedding(5, 4),
            "attention": SelfAttention(4, 2, 0.0),
            "gru": nn.GRU(4, 4),
            "norm": nn.LayerNorm(4),
            "head": nn.Linear(4, 9),
        }
    )
    names = {id(p): name for name, p in net.named_parameters()}
    found = {names[id(p)]: parts for p, parts in hidden_matrices(net, ("head",))}
    assert found == {"attention.inward.weight": 3, "attention.outward.weight": 1, "gru.weight_ih_l0": 3, "gru.weight_hh_l0": 3}
    optimiser = muon()(net, SETTINGS)
    held = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(names) == sorted(held), "each parameter is optimised exactly once"


def test_muon_moves_each_part_of_a_fused_matrix_by_an_orthogonal_matrix() -> None:
    torch.manual_seed(0)
    net = SelfAttention(32, 2, 0.0)
    settings = SETTINGS.but(learning_rate=1.0, weight_decay=0.0)
    optimiser = muon()(net, settings)
    before = net.inward.weight.detach().clone()
    net.inward.weight.grad = torch.randn(96, 32) * torch.tensor([1e-3, 1.0, 50.0]).repeat_interleave(32)[:, None]
    optimiser.step()
    moved = (before - net.inward.weight.detach()) / (0.2 * 32**0.5)
    for part in moved.chunk(3):  # without the split the small part would not move
        values = torch.linalg.svdvals(part)
        assert values.min() > 0.3 and values.max() < 1.3, "Newton-Schulz brings singular values near 1"
        assert (part @ part.T - torch.eye(32)).norm() / 32**0.5 < 0.45, "orthogonality error"


def test_the_loop_sets_the_rates_of_both_parts() -> None:
    net = model()
    optimiser = muon(hidden_rate=3.0)(net, SETTINGS)
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    before = weights(net)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimiser.step()
    torch.testing.assert_close(weights(net), before, rtol=0, atol=0)
    assert [group.get("rate_share", 1.0) for group in optimiser.param_groups] == [3.0, 3.0, 1.0, 1.0]


def test_after_the_switch_a_step_is_that_of_sgd() -> None:
    net = nn.Linear(1, 1, bias=False)
    optimiser = then_sgd(at=2, rate_share=10.0, momentum=0.0)(net, SETTINGS.but(weight_decay=0.0))
    moves = []
    for _ in range(4):
        optimiser.param_groups[0]["lr"] = 0.01
        net.weight.grad = torch.full((1, 1), 7.0)
        before = float(net.weight.detach())
        optimiser.step()
        moves.append(before - float(net.weight.detach()))
    assert moves == pytest.approx([0.01, 0.01, 0.7, 0.7], rel=1e-3)  # AdamW moves by the rate, SGD by rate times gradient
    with pytest.raises(InputError, match=r"at=0: .*; pass at>=1"):
        then_sgd(at=0)
