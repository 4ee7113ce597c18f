from __future__ import annotations

from dataclasses import fields, replace
from functools import wraps
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from penchant.claims import tuning
from penchant.claims.claim import Arm, Budget, Claim
from penchant.claims.discover import Recipe, recipe
from penchant.claims.lab import Lab
from penchant.claims.world import World
from penchant.core.errors import InputError, TrainingError
from penchant.models.sequence.sasrec import SASRec
from tests.claims.conftest import SMALL

FIXED = {**SMALL, "epochs": 6}


@pytest.fixture
def small() -> Recipe:
    """SASRec of which only the width is chosen."""
    return replace(recipe("sasrec"), space={"width": CategoricalDistribution([1, 16])})


def spied(recipe: Recipe, labs: list[Lab]):
    """The recipe's ``build``, noting the labs it was given."""

    @wraps(recipe.build)
    def build(lab: Lab, **settings):
        labs.append(lab)
        return recipe.build(lab, **settings)

    return build


def test_a_study_finds_the_better_setting_and_keeps_its_trials(small: Recipe, world: World, tmp_path: Path) -> None:
    fixed = {name: value for name, value in FIXED.items() if name != "width"}
    found = tuning.tune(small, world, trials=4, fixed=fixed, store=tmp_path)
    assert found.trials == 4
    assert found.value >= found.default
    asked: list[Lab] = []
    watched = replace(small, build=spied(small, asked))
    assert tuning.tune(watched, world, trials=4, fixed=fixed, store=tmp_path).chosen == found.chosen
    assert asked == []  # all four trials were kept
    first = tuning.tune(watched, world, trials=1, fixed=fixed, store=tmp_path)
    assert (first.trials, asked) == (1, [])
    assert first.value == first.default <= found.value  # of a longer study the first trials count


def test_the_tuner_never_receives_the_test_split(small: Recipe, world: World, tmp_path: Path) -> None:
    seen: list[Lab] = []

    tuning.tune(
        replace(small, build=spied(small, seen)), world, trials=1, fixed={k: v for k, v in FIXED.items() if k != "width"}, store=tmp_path
    )
    lab = seen[0]
    test = world.split.test
    for part in fields(lab):
        assert getattr(lab, part.name) is not test
    last = {(int(user), int(item)) for user, item in zip(test.items.users, test.items.items, strict=True)}
    for rows in (lab.train, lab.valid.histories, lab.valid.items):
        assert not last & {(int(rows.users[row]), int(item)) for row, item in zip(rows.rows, rows.items, strict=True)}


def test_trials_that_fail_do_not_stop_the_study(small: Recipe, world: World, tmp_path: Path) -> None:
    def build(lab: Lab, *, width: int = 1) -> SASRec:
        if width == 1:
            raise TrainingError("loss=nan", "it is not finite", "lower learning_rate")
        return small.build(lab, **{**FIXED, "width": width})

    found = tuning.tune(replace(small, build=build, space={"width": IntDistribution(1, 2)}), world, trials=6, store=tmp_path)
    assert found.chosen == {"width": 2}

    def never(lab: Lab, *, width: int = 1) -> SASRec:
        raise TrainingError("loss=nan", "it is not finite", "lower learning_rate")

    with pytest.raises(TrainingError, match="every trial failed"):
        tuning.tune(replace(small, name="never", build=never), world, trials=2, store=tmp_path)


def test_without_a_space_there_is_nothing_to_tune(small: Recipe, world: World) -> None:
    with pytest.raises(InputError, match="without SPACE"):
        tuning.tune(replace(small, space={}), world, trials=1)
    with pytest.raises(InputError, match="trials=0"):
        tuning.tune(small, world, trials=0)


def test_entries_are_kept_an_arm_each(tmp_path: Path) -> None:
    one = tuning.Tuned({}, {"dropout": 0.1}, 5, 0.2, 0.1, {"dropout": "{}"}, "abc")
    two = replace(one, fixed={"objective": "binary"}, chosen={"dropout": 0.4})
    short = replace(one, chosen={"dropout": 0.5}, budget="100 training steps an arm")
    for entry in (one, two, short, replace(one, chosen={"dropout": 0.3})):
        tuning.store(entry, "sasrec", "toy", tmp_path)
    kept = tuning.stored("sasrec", "toy", tmp_path)
    assert len(kept) == 3
    assert tuning.own(kept, {}).chosen == {"dropout": 0.3}
    assert tuning.own(kept, {"objective": "binary"}).chosen == {"dropout": 0.4}
    assert tuning.own(kept, {"objective": "other"}) is None
    assert tuning.own([short], {}) is None  # trials that were cut short are not those of a budget of trials
    assert tuning.shared(kept).chosen == {"dropout": 0.5}
    assert tuning.shared([one, two]).chosen == {"dropout": 0.1}
    assert tuning.shared([two]) is None
    assert tuning.stored("sasrec", "elsewhere", tmp_path) == []


def test_a_recipe_runs_with_the_settings_of_what_it_extends_until_it_is_tuned_itself(tmp_path: Path) -> None:
    chosen = {"dropout": 0.15, "learning_rate": 1e-3, "temperature": 0.07}
    tuning.store(tuning.Tuned({}, chosen, 4, 0.2, 0.1, {}, "abc"), "sasrec", "toy", tmp_path)
    subject, rival = Arm("CL4SRec", "cl4srec", {"weight": 0.2}), Arm("SASRec", "sasrec")
    claim = Claim("c", "says", subject, [rival], "toy", "ndcg@10", Budget(steps=5))
    settings, trials = tuning.settings_of(claim, "toy", tmp_path)
    assert settings == {"CL4SRec": {**chosen, "weight": 0.2}, "SASRec": chosen}
    assert trials == 4
    tuning.store(tuning.Tuned({}, {"dropout": 0.4}, 4, 0.2, 0.1, {}, "abc"), "cl4srec", "toy", tmp_path)
    assert tuning.settings_of(claim, "toy", tmp_path)[0]["CL4SRec"] == {"dropout": 0.4, "weight": 0.2}
    with pytest.raises(InputError, match="0 tuning trials"):  # under a budget of trials each arm is tuned itself
        tuning.settings_of(replace(claim, budget=Budget(trials=4)), "toy", tmp_path / "elsewhere")


def test_what_ships_is_readable() -> None:
    for path in tuning.shipped().glob("*/*.json"):
        entries = tuning.stored(path.stem, path.parent.name)
        assert entries
        for entry in entries:
            recipe(path.stem).check_settings({**entry.fixed, **entry.chosen})
