from __future__ import annotations

from dataclasses import fields, replace
from functools import wraps
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from penchant.claims import tuning
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
    for entry in (one, two, replace(one, chosen={"dropout": 0.3})):
        tuning.store(entry, "sasrec", "toy", tmp_path)
    kept = tuning.stored("sasrec", "toy", tmp_path)
    assert len(kept) == 2
    assert tuning.entry(kept, {}).chosen == {"dropout": 0.3}
    assert tuning.entry(kept, {"objective": "binary"}).chosen == {"dropout": 0.4}
    assert tuning.entry(kept, {"objective": "other"}) is None
    assert tuning.stored("sasrec", "elsewhere", tmp_path) == []


def test_what_ships_is_readable() -> None:
    for path in tuning.shipped().glob("*/*.json"):
        entries = tuning.stored(path.stem, path.parent.name)
        assert entries
        for entry in entries:
            recipe(path.stem).check_settings({**entry.fixed, **entry.chosen})
