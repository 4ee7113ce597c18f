"""The loop: it learns, it resumes exactly, it stops when told, and it refuses what cannot work."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from penchant.contracts import Losses
from penchant.core.errors import ArtifactError, TrainingError
from penchant.data.batches import Batch
from penchant.data.histories import Histories
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train import loop
from penchant.train.flops import count_flops
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings
from tests.contracts.planted import NUM_ITEMS, train_histories

SETTINGS = TrainSettings(
    max_len=12, tokens=128, epochs=4, learning_rate=3e-3, warmup_steps=3, patience=50, bf16=False, checkpoint_seconds=1e-9
)


def model() -> SASRec:
    torch.manual_seed(7)
    return SASRec(NUM_ITEMS, SASRecSettings(width=16, heads=2, layers=1, dropout=0.2, max_len=12))


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


class Interrupting(SASRec):
    """Presses Ctrl-C after some batches."""

    left = 10**9

    def loss(self, batch: Batch) -> Losses:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().loss(batch)


def interrupted(after: int) -> Interrupting:
    torch.manual_seed(7)
    net = Interrupting(NUM_ITEMS, SASRecSettings(width=16, heads=2, layers=1, dropout=0.2, max_len=12))
    net.left = after
    return net


def rising() -> Callable[[], float]:
    """A validation that uses random numbers, as careless ones do, and rises."""
    calls = iter(range(1000))
    return lambda: float(next(calls)) + 0.0 * float(torch.rand(3).sum())


def test_training_lowers_the_loss() -> None:
    run = Trainer(SETTINGS.but(epochs=10)).fit(model(), train_histories())
    assert run.log[-1]["loss"] < 0.8 * run.log[0]["loss"]
    assert run.positions == 10 * train_histories().num_events
    assert run.parameters == weights(model()).numel()
    assert 0 < run.mfu < 1


@pytest.mark.parametrize("after", [2, 8, 13, 25])
def test_a_run_that_was_killed_goes_on_exactly(tmp_path: Path, after: int) -> None:
    whole = model()
    Trainer(SETTINGS, tmp_path / "whole").fit(whole, train_histories(), rising())
    validate = rising()
    with pytest.raises(KeyboardInterrupt):
        Trainer(SETTINGS, tmp_path / "broken").fit(interrupted(after), train_histories(), validate)
    resumed = model()
    with torch.no_grad():
        for parameter in resumed.parameters():
            parameter.add_(1.0)  # whatever is in memory must not matter
    run = Trainer(SETTINGS, tmp_path / "broken").fit(resumed, train_histories(), validate)
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)
    assert run.epochs == SETTINGS.epochs


def test_ctrl_c_ends_after_the_step_and_the_run_goes_on_exactly(tmp_path: Path) -> None:
    rarely = SETTINGS.but(checkpoint_seconds=1e9)
    whole = model()
    Trainer(rarely).fit(whole, train_histories())

    class Pressing(SASRec):
        calls = 0

        def loss(self, batch: Batch) -> Losses:
            self.calls += 1
            if self.calls == 12:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(batch)

    settings = model().settings
    torch.manual_seed(7)
    pressed = Pressing(NUM_ITEMS, settings)
    with pytest.raises(KeyboardInterrupt):
        Trainer(rarely, tmp_path).fit(pressed, train_histories())
    assert pressed.calls == 12
    resumed = model()
    Trainer(rarely, tmp_path).fit(resumed, train_histories())
    torch.testing.assert_close(weights(resumed), weights(whole), rtol=0, atol=0)


def test_the_best_weights_are_kept_and_patience_stops() -> None:
    net, seen = model(), []
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.2])

    def validate() -> float:
        seen.append(weights(net))
        return next(scores)

    run = Trainer(SETTINGS.but(epochs=30, patience=2)).fit(net, train_histories(), validate)
    assert (run.best, run.best_epoch, run.epochs) == (0.5, 2, 4)
    torch.testing.assert_close(weights(net), seen[1])
    assert not net.training


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    Trainer(SETTINGS, tmp_path).fit(model(), train_histories())
    with pytest.raises(TrainingError, match="learning_rate changed since the checkpoint"):
        Trainer(SETTINGS.but(learning_rate=1e-4), tmp_path).fit(model(), train_histories())


def test_a_broken_checkpoint_is_refused(tmp_path: Path) -> None:
    Trainer(SETTINGS, tmp_path).fit(model(), train_histories())
    file = tmp_path / "checkpoint" / "optimiser.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(ArtifactError):
        Trainer(SETTINGS, tmp_path).fit(model(), train_histories())


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    net = model()
    with torch.no_grad():
        net.items.weight[3] = torch.nan
    with pytest.raises(TrainingError, match=r"loss=nan: .*; lower learning_rate"):
        Trainer(SETTINGS).fit(net, train_histories())


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(TrainingError, match="no training events"):
        Trainer(SETTINGS).fit(model(), Histories.of([[], []]))


def test_the_log_has_one_line_an_epoch(tmp_path: Path) -> None:
    Trainer(SETTINGS, tmp_path).fit(model(), train_histories())
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4]
    assert list((tmp_path / "tensorboard").iterdir())


def test_bf16_reaches_about_the_same_loss() -> None:
    if not loop.hardware_bf16():
        pytest.skip("this processor has no bfloat16 arithmetic")
    plain = Trainer(SETTINGS.but(epochs=8)).fit(model(), train_histories()).log[-1]["loss"]
    mixed = Trainer(SETTINGS.but(epochs=8, bf16=True)).fit(model(), train_histories()).log[-1]["loss"]
    assert abs(plain - mixed) < 0.1 * plain


def test_the_rate_warms_up_and_falls() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup_steps=10, final_share=0.1)
    rates = [settings.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == rates[10] == 1.0
    assert rates[-1] == pytest.approx(0.1, abs=0.01)


def test_flops_of_a_product_and_of_attention_are_counted() -> None:
    a, b = torch.randn(8, 16), torch.randn(16, 4)
    assert count_flops(lambda: a @ b) == 2 * 8 * 16 * 4
    q = torch.randn(2, 3, 10, 4)
    counted = count_flops(lambda: torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True))
    assert counted == 2 * (2 * 2 * 3 * 10 * 10 * 4)
