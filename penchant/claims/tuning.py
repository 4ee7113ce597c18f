"""Fair tuning: one Optuna study an arm, on validation only, with a stated number of trials.

A study sees a lab, and a lab has no test targets. The first trial is the recipe's own defaults, so that tuning never
validates worse than they do. What a study chose is stored as the recipe's defaults for that data set; every recipe is
tuned through the same function with the same number of trials.

The stored file of a recipe and data set is a list of entries, one for each set of fixed arguments (an arm).
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from penchant.claims.claim import Arm, Budget, Claim
from penchant.claims.discover import PACKAGE, Recipe, recipe
from penchant.claims.world import World
from penchant.core.assets import cache_folder
from penchant.core.errors import TrainingError, require
from penchant.core.machine import describe
from penchant.core.progress import note, stage
from penchant.core.seeds import seed_everything
from penchant.core.storage import replace_text, writing

#: Of the study and of every trial's training; claims train with other seeds as well.
SEED = 100


@dataclass(frozen=True)
class Tuned:
    """What a study chose.

    Attributes:
        fixed: Arguments that were given; the others of the recipe's space were chosen.
        chosen: Arguments with the best validation.
        trials: How many were tried, the defaults among them.
        value: NDCG@10 on validation of the best.
        default: The same of the defaults.
        space: The recipe's space in words.
        commit: Of the code.
        budget: Of each trial, in words; empty where the recipe trained until it stalled.
    """

    fixed: Mapping[str, Any]
    chosen: Mapping[str, Any]
    trials: int
    value: float
    default: float
    space: Mapping[str, str]
    commit: str | None
    budget: str = ""


def tune(
    recipe: Recipe,
    world: World,
    *,
    trials: int,
    fixed: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    store: Path | None = None,
) -> Tuned:
    """Choose the arguments in the recipe's space by validation NDCG@10.

    A study that was killed goes on: trials are kept in ``store``.

    Args:
        recipe: With a ``SPACE``.
        world: Its test targets are not used.
        trials: To try in all, at least 1.
        fixed: Arguments that are not chosen.
        budget: Of each trial; None trains as the recipe says.
        store: Where trials are kept; a folder of the cache by default.

    Raises:
        InputError: The recipe has no space, or an argument is unknown.
        TrainingError: No trial came to an end.
    """
    require(trials >= 1, f"trials={trials}", "a study tries at least the defaults", "pass trials>=1")
    require(bool(recipe.space), f"recipe {recipe.name!r} without SPACE", "there is nothing to choose", "give it a SPACE")
    fixed = dict(fixed or {})
    recipe.check_settings(fixed)
    space = {name: one for name, one in recipe.space.items() if name not in fixed}
    require(bool(space), f"{recipe.name} with {fixed}", "everything in its space is fixed", "fix less")
    study = _study(recipe, world, fixed, budget, store)
    if not study.trials:
        study.enqueue_trial({name: recipe.defaults[name] for name, one in space.items() if _holds(one, recipe.defaults.get(name))})
    while sum(trial.state.is_finished() for trial in study.trials) < trials:
        trial = study.ask(fixed_distributions=space)
        lab = world.lab(SEED, budget)
        seed_everything(SEED)
        with stage(f"{recipe.name} on {lab.name}, trial {trial.number + 1} of {trials}: {_told(trial.params)}"):
            try:
                study.tell(trial, lab.quality(recipe.build(lab, **{**fixed, **trial.params})))
            except TrainingError as error:  # settings under which it cannot train are an answer too
                note(str(error))
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
    tried = [trial for trial in study.trials if trial.state.is_finished()][:trials]  # a longer study may have been kept
    finished = [trial for trial in tried if trial.value is not None]
    require(bool(finished), f"0 of {trials} trials", f"{recipe.name}: every trial failed", "narrow its SPACE", TrainingError)
    best = max(finished, key=lambda trial: trial.value or 0.0)
    gained = f"validates at {best.value:.4f}, the defaults at {finished[0].value:.4f}"
    note(f"{recipe.name} on {world.dataset.name}: {_told(best.params)} {gained}")
    values = float(best.value or 0), float(finished[0].value or 0)
    return Tuned(fixed, best.params, trials, *values, _words(space), describe().commit, str(budget or ""))


def _study(recipe: Recipe, world: World, fixed: Mapping[str, Any], budget: Budget | None, store: Path | None) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    told = [recipe.version, world.dataset.fingerprint, world.split.name, fixed, _words(recipe.space), str(budget or "")]
    folder = store or cache_folder() / "claims" / "studies"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        journal = JournalFileBackend(str(folder / f"{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]}.log"))
        storage = JournalStorage(journal)
        return optuna.create_study(
            study_name=recipe.name,
            storage=storage,
            sampler=optuna.samplers.TPESampler(seed=SEED),
            direction="maximize",
            load_if_exists=True,
        )


def _holds(space: optuna.distributions.BaseDistribution, value: object) -> bool:
    """Whether a default lies in what tuning may choose."""
    if isinstance(space, optuna.distributions.CategoricalDistribution):
        return value in space.choices
    if not isinstance(space, optuna.distributions.FloatDistribution | optuna.distributions.IntDistribution):
        return False
    return isinstance(value, int | float) and space.low <= value <= space.high


def _words(space: Mapping[str, Any]) -> dict[str, str]:
    return {name: optuna.distributions.distribution_to_json(one) for name, one in sorted(space.items())}


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items())


def stored(recipe: str, dataset: str, folder: Path | None = None) -> list[Tuned]:
    """What was chosen for the recipe on the data set, an entry a set of fixed arguments."""
    path = (folder or shipped()) / dataset / f"{recipe}.json"
    if not path.is_file():
        return []
    return [Tuned(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def store(found: Tuned, recipe: str, dataset: str, folder: Path | None = None) -> Path:
    """Keep ``found``, in place of an older entry with the same fixed arguments and budget of a trial."""
    path = (folder or shipped()) / dataset / f"{recipe}.json"
    entries = [one for one in stored(recipe, dataset, folder) if (one.fixed, one.budget) != (found.fixed, found.budget)]
    plain = [vars(one) for one in sorted([*entries, found], key=lambda one: json.dumps([one.fixed, one.budget], sort_keys=True))]
    replace_text(path, json.dumps(plain, indent=1) + "\n")
    return path


def shipped() -> Path:
    """Where the defaults that come with Penchant are."""
    return Path(str(resources.files(PACKAGE))) / "tuned"


def own(found: Sequence[Tuned], fixed: Mapping[str, Any]) -> Tuned | None:
    """The entry with exactly these fixed arguments whose trials trained until they stalled."""
    return next((one for one in found if dict(one.fixed) == dict(fixed) and not one.budget), None)


def shared(found: Sequence[Tuned]) -> Tuned | None:
    """The entry without fixed arguments, rather of trials that had a budget, as claims with one have."""
    return next(iter(sorted((one for one in found if not one.fixed), key=lambda one: not one.budget)), None)


def settings_of(claim: Claim, dataset: str, folder: Path | None = None) -> tuple[dict[str, dict[str, Any]], int]:
    """The arguments of every arm, and the number of trials that chose them (0: the recipes' own defaults).

    Under a budget of trials every arm that has something to tune must have a study of its own with that many. Under
    other budgets what tuning chose for the recipes, or for those that they extend, is used if all of them were tuned
    with the same number of trials; otherwise all arms run with their own defaults, so that no arm is tuned while another
    is not.

    Raises:
        InputError: Under a budget of trials, an arm was not tuned, or with another number of trials.
    """
    alone = claim.budget.trials is not None
    studied = _own_study if alone else _shared_study
    found = {arm.name: studied(arm, dataset, folder) for arm in claim.arms if tunable(arm)}
    counts = {name: one.trials if one else 0 for name, one in found.items()}
    if alone:
        for name, count in counts.items():
            require(
                count == claim.budget.trials,
                f"claim {claim.name!r}, arm {name!r} with {count} tuning trials on {dataset}",
                f"all arms have the same budget ({claim.budget})",
                f"run penchant claims tune {claim.name}",
            )
    equal = len(set(counts.values())) == 1 and min(counts.values()) > 0
    use = alone or equal
    settings = {
        arm.name: {**(found[arm.name].chosen if use and found.get(arm.name) else {}), **arm.settings}  # type: ignore[union-attr]
        for arm in claim.arms
    }
    return settings, min(counts.values()) if use and counts else 0


def _own_study(arm: Arm, dataset: str, folder: Path | None) -> Tuned | None:
    return own(stored(arm.recipe, dataset, folder), arm.settings)


def _shared_study(arm: Arm, dataset: str, folder: Path | None) -> Tuned | None:
    """The study of the arm's recipe, or what it can take from that of the recipe which it extends."""
    known = recipe(arm.recipe)
    found = shared(stored(known.name, dataset, folder))
    base = None if found or known.extends is None else shared(stored(known.extends, dataset, folder))
    if base is None:
        return found
    return replace(base, chosen={name: value for name, value in base.chosen.items() if name in known.defaults})


def tunable(arm: Arm) -> bool:
    """Whether anything of the arm is left to choose."""
    return bool(set(recipe(arm.recipe).space) - set(arm.settings))
