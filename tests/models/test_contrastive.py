"""Contrast around a network: who learns in which phase, and that phases survive a killed run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from penchant.core.errors import InputError
from penchant.data.augment import crop, mask, one_of
from penchant.data.batches import TrainingBatches
from penchant.data.phases import PhasedBatches
from penchant.models.sequence.contrastive import MetaViews, TwoViews, frozen
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings
from tests.contracts.planted import NUM_ITEMS, train_histories

VIEWS = one_of([crop(0.6), mask(0.3)])
SETTINGS = TrainSettings(max_len=12, tokens=256, epochs=2, learning_rate=3e-3, warmup_steps=3, bf16=False, checkpoint_seconds=1e-9)


def batches() -> TrainingBatches:
    return TrainingBatches(train_histories(), max_len=12, tokens=256)


def network() -> SASRec:
    torch.manual_seed(7)
    return SASRec(NUM_ITEMS, SASRecSettings(width=16, heads=2, layers=1, dropout=0.0, max_len=12))


def meta() -> MetaViews:
    return MetaViews(network(), VIEWS, width=16, weight=0.1)


def learns(model: nn.Module) -> set[str]:
    """Parts whose weights got a gradient."""
    return {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}


def test_each_batch_is_passed_once_a_phase() -> None:
    plain, phased = batches(), PhasedBatches(batches(), 3)
    plan = phased.plan(1)
    assert len(plan) == 3 * len(plain.plan(1))
    for index, rows in enumerate(plan):
        found = phased.batch(rows)
        assert found.phase == index % 3
        expected = plain.batch(plain.plan(1)[index // 3])
        assert (found.batch.items == expected.items).all() and found.num_targets == expected.num_targets
    with pytest.raises(InputError, match=r"phases=0: .*; pass phases>=1"):
        PhasedBatches(batches(), 0)


@pytest.mark.parametrize(("phase", "expected"), [(0, {"network"}), (1, {"augmenters"}), (2, {"network"})])
def test_a_phase_moves_one_part(phase: int, expected: set[str]) -> None:
    model, phased = meta(), PhasedBatches(batches(), MetaViews.PHASES)
    model.loss(phased.batch(phased.plan(0)[phase])).total.backward()
    assert learns(model) == expected
    assert all(p.requires_grad for p in model.parameters()), "freezing ends with the loss"


def test_without_phases_all_learn_at_once() -> None:
    model, plain = meta(), batches()
    model.loss(plain.batch(plain.plan(0)[0])).total.backward()
    assert learns(model) == {"network", "augmenters"}


def test_frozen_gives_the_weights_back_after_an_error() -> None:
    model = nn.Linear(2, 2)
    with pytest.raises(RuntimeError), frozen(model):
        raise RuntimeError
    assert all(p.requires_grad for p in model.parameters())


def test_the_weight_of_the_contrast() -> None:
    plain = batches()
    batch = plain.batch(plain.plan(0)[0])
    alone, both = (TwoViews(network(), VIEWS, weight=weight).loss(batch) for weight in (0.0, 2.0))
    torch.testing.assert_close(alone.total, network().loss(batch).total)
    torch.testing.assert_close(both.total, alone.total + 2.0 * both.terms["contrast"])


def test_phases_survive_a_killed_run(tmp_path: Path) -> None:
    class Dying(MetaViews):
        left = 5

        def loss(self, batch):  # type: ignore[no-untyped-def]
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return super().loss(batch)

    def trained(model: MetaViews, folder: Path | None) -> torch.Tensor:
        Trainer(SETTINGS, folder).fit(model, PhasedBatches(batches(), 3))
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    whole = trained(meta(), None)
    with pytest.raises(KeyboardInterrupt):
        trained(Dying(network(), VIEWS, width=16, weight=0.1), tmp_path)
    torch.testing.assert_close(trained(meta(), tmp_path), whole, rtol=0, atol=0)
