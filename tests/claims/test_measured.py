"""Claims about other things than lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.claims import atlas, discover, measured, records, runner
from penchant.claims.claim import Arm, Budget, Claim, Paper
from penchant.claims.discover import Recipe
from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError


class Guess:
    """Is wrong by so much."""

    def __init__(self, error: float) -> None:
        self.error = error


def build(lab: Lab, *, error: float = 1.0, language: str | None = "") -> Guess:
    return Guess(error + 0.01 * lab.seed)


def measure(model: Guess, world: World) -> Mapping[str, np.ndarray]:
    return {"error": model.error + np.arange(len(world.split.test)) % 7 / 10}


PAPER = Paper("Guessing", "On guessing", "Nobody", "arXiv:0000.00000")
CLAIM = Claim(
    name="small-errors",
    says="Small errors are smaller.",
    subject=Arm("small", "guess", {"error": 0.5}),
    rivals=[Arm("large", "guess")],
    controls=[Arm("without a model", "guess", {"language": None})],
    dataset="",
    metric="error",
    shown=(),
    rows="guesses",
    lower=True,
    budget=Budget(steps=1),
    seeds=(0, 1),
)


@pytest.fixture
def guess(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    found = Recipe("guess", "language", __name__, PAPER, {}, {}, (CLAIM,), build, {}, measure=measure)
    discover.claims()  # those there are, before this one stands for every recipe
    for module in (discover, runner, records):
        monkeypatch.setattr(module, "recipe", lambda name: found)
    return found


def test_what_a_recipe_measures_is_judged_and_kept(guess: Recipe, worlds: Worlds, folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    claim = replace(CLAIM, dataset=str(folder))
    monkeypatch.setattr(runner.tuning, "settings_of", lambda claim, *_: ({arm.name: dict(arm.settings) for arm in claim.arms}, 0))
    record = runner.run(claim, guess, worlds, out=tmp_path / "records", store=tmp_path / "arms")
    assert record["verdict"] == "held"
    assert (record["rows"], record["users"]) == ("guesses", 150)
    assert record["difference"] == pytest.approx(0.5)
    assert "150 guesses" in atlas._measured(record)
    monkeypatch.setattr(measured, "judged", lambda *_: pytest.fail("it was measured before"))
    assert runner.run(claim, guess, worlds, out=tmp_path / "again", store=tmp_path / "arms")["difference"] == record["difference"]


def test_all_of_it_has_to_be_numbers_of_the_same_things(guess: Recipe, world: World) -> None:
    def task(values: Mapping[str, np.ndarray]) -> measured.Task:
        return measured.Task(replace(guess, measure=lambda *_: values), {}, world, Budget(steps=1), 0, CLAIM.seen)

    for values in ({}, {"error": np.zeros(0)}, {"error": np.array([np.nan])}, {"error": np.zeros(2), "other": np.zeros(3)}):
        with pytest.raises(InputError, match="as finite numbers"):
            measured.judged(Guess(1.0), task(values))


def test_another_language_model_is_asked_by_the_arms_that_ask_one(guess: Recipe) -> None:
    other = runner.asking(CLAIM, "models/large")
    assert [arm.settings.get("language") for arm in other.arms] == ["models/large", "models/large", None]
    silent = replace(CLAIM, subject=CLAIM.controls[0], rivals=[Arm("also without", "guess", {"language": None})], controls=())
    with pytest.raises(InputError, match="no arm of small-errors asks"):
        runner.asking(silent, "models/large")


def test_arms_of_a_recipe_that_asks_nobody_by_default_stay_so(guess: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(lab: Lab, *, error: float = 1.0, language: str | None = None) -> Guess:
        return Guess(error)

    monkeypatch.setattr(runner, "recipe", lambda name: replace(guess, build=silent))
    asked = replace(CLAIM, subject=Arm("asks", "guess", {"language": ""}))
    assert [arm.settings.get("language") for arm in runner.asking(asked, "models/large").arms] == ["models/large", None, None]


def test_lists_and_other_things_are_not_compared(guess: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(guess, claims=(replace(CLAIM, rows="users", metric="ndcg@10"),))
    monkeypatch.setattr(discover, "recipes", lambda: {"guess": wrong})
    with pytest.raises(InputError, match="says what else it has values of"):
        discover.claims.__wrapped__()
    with pytest.raises(InputError, match="slices are of users"):
        replace(CLAIM, slice="long")
