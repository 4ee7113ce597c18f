"""Labs that keep what they trained."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from penchant.claims.claim import Budget
from penchant.claims.sharing import SharingLab
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.objectives.next_item import NextItemLoss
from penchant.train.settings import TrainSettings
from tests.contracts.planted import lab

SHAPE = SASRecSettings(width=16, layers=1, heads=1, max_len=12)
TRAINING = TrainSettings(max_len=12, tokens=256, epochs=2)


def sharing(store: Path, *, version: str = "1", seed: int = 0) -> SharingLab:
    plain = replace(lab(), seed=seed, budget=Budget(steps=6), runs={})
    return SharingLab.of(plain, store, version)


def network(loss: NextItemLoss = NextItemLoss.FULL, num_items: int | None = None) -> SASRec:
    torch.manual_seed(3)
    place = lab()
    return SASRec(num_items or place.num_items, SHAPE, objective=loss.make(place.counts))


def test_what_was_trained_once_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replace(lab(), budget=Budget(steps=6), runs={})
    expected = alone.fit(network(), TRAINING)
    first = sharing(tmp_path)
    trained = first.fit(network(), TRAINING)
    after = torch.rand(1)
    with monkeypatch.context() as patch:
        patch.setattr("penchant.claims.lab.Trainer", None)  # training again would fail
        second = sharing(tmp_path)
        read = second.fit(network(), TRAINING)
    assert torch.rand(1) == after, "what is drawn next does not depend on whether the part was trained or read"
    assert second.runs["model"].steps == first.runs["model"].steps == 6
    assert read.training == trained.training == expected.training
    for name, weight in expected.state_dict().items():
        torch.testing.assert_close(read.state_dict()[name], weight, rtol=0, atol=0)
        torch.testing.assert_close(trained.state_dict()[name], weight, rtol=0, atol=0)


@pytest.mark.parametrize("other", ["loss", "weights", "training", "seed", "version"])
def test_whatever_changes_training_is_another_part(other: str, tmp_path: Path) -> None:
    sharing(tmp_path).fit(network(), TRAINING)
    place = sharing(tmp_path, version="2" if other == "version" else "1", seed=int(other == "seed"))
    model = network(NextItemLoss.BINARY if other == "loss" else NextItemLoss.FULL)
    if other == "weights":
        with torch.no_grad():
            next(model.parameters())[-1, -1] += 1.0
    place.fit(model, TRAINING.but(learning_rate=0.5) if other == "training" else TRAINING)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_validation_of_its_own_is_not_shared(tmp_path: Path) -> None:
    sharing(tmp_path).fit(network(), TRAINING, validate=lambda: 1.0)
    sharing(tmp_path).fit(network(), TRAINING, lab().train)
    assert not list(tmp_path.iterdir())


def test_another_process_finds_the_part(tmp_path: Path) -> None:
    sharing(tmp_path).fit(network(), TRAINING)
    code = (
        "import sys; from pathlib import Path; from tests.claims.test_sharing import TRAINING, network, sharing; "
        "sharing(Path(sys.argv[1])).fit(network(), TRAINING)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2])
    assert len(list(tmp_path.iterdir())) == 1


def test_a_part_that_was_damaged_is_trained_again(tmp_path: Path) -> None:
    expected = sharing(tmp_path).fit(network(), TRAINING)
    (folder,) = tmp_path.iterdir()
    (folder / "run.json").write_text("{")
    again = sharing(tmp_path).fit(network(), TRAINING)
    torch.testing.assert_close(next(again.parameters()), next(expected.parameters()), rtol=0, atol=0)
