"""Running a claim: train its arms under one budget, compare them, write the record."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from penchant.claims import records, tuning
from penchant.claims.claim import LISTS, Arm, Budget, Claim
from penchant.claims.discover import Recipe, claims, recipe
from penchant.claims.measured import Measured, Task, measured
from penchant.claims.verdicts import ALPHA, DRAWS, Comparison, compare, interval, outcome
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError, require
from penchant.core.machine import describe
from penchant.core.progress import note
from penchant.evaluate.slices import slices

#: What ``--fast`` makes of a budget.
FAST = Budget(steps=100)
#: The argument of recipes that ask a language model: where it is.
MODEL = "language"


def fast(claim: Claim) -> Claim:
    """The claim on ml-100k, small: one seed and 100 steps. It shows that everything runs, and decides nothing.

    What is no claim about lists stays on its data, as it may be about something that others do not have.
    """
    return replace(claim, dataset="ml-100k" if claim.rows == LISTS else claim.dataset, seeds=(0,), budget=FAST)


def asking(claim: Claim, model: str) -> Claim:
    """The claim with another language model in every arm that asks one.

    Raises:
        InputError: No arm does.
    """

    def of(arm: Arm) -> Arm:
        asks = {MODEL: None, **recipe(arm.recipe).defaults, **arm.settings}[MODEL] is not None
        return replace(arm, settings={**arm.settings, MODEL: model}) if asks else arm

    found = replace(claim, subject=of(claim.subject), rivals=[*map(of, claim.rivals)], controls=[*map(of, claim.controls)])
    require(found.arms != claim.arms, f"--model {model}", f"no arm of {claim.name} asks a language model", "leave it out")
    return found


def run(
    claim: Claim,
    owner: Recipe,
    worlds: Worlds,
    *,
    out: Path,
    store: Path | None = None,
    tuned: Path | None = None,
    command: str = "",
    run_task: Callable[[Task, Path | None], Measured] = measured,
) -> dict[str, Any]:
    """Train every arm with every seed, judge, write the record and return it.

    Args:
        claim: What to run, possibly changed (other data, other seeds).
        owner: The recipe that makes it.
        worlds: Where data sets are opened.
        out: Folder of records.
        store: Where trained arms are kept; the cache by default.
        tuned: Where tuned settings are looked up; those that come with Penchant by default.
        command: What to type to get this record again.
        run_task: Trains and measures one arm.

    Raises:
        InputError: An arm, data set, split or metric does not exist, or the arms were tuned with different numbers of trials.
    """
    for arm in claim.arms:
        recipe(arm.recipe).check_settings(arm.settings)
    world = worlds.open(claim.dataset, claim.split)
    chosen, trials = tuning.settings_of(claim, world.dataset.name, tuned)
    results: dict[str, list[Measured]] = {arm.name: [] for arm in claim.arms}
    for seed in claim.seeds:  # seed by seed, so that a run that is stopped has all arms of the first ones
        for arm in claim.arms:
            task = Task(recipe(arm.recipe), chosen[arm.name], world, claim.budget, seed, claim.seen)
            results[arm.name].append(run_task(task, store))
    _check_steps(claim, results)
    record = judge(claim, owner, world, results, chosen)
    record |= {"tuning_trials": trials, "command": command, "created": datetime.datetime.now(datetime.UTC).date().isoformat()}
    records.write(out, record)
    note(f"{claim.name}: {record['verdict']}")
    return record


def tune(claim: Claim, worlds: Worlds, *, trials: int | None = None, folder: Path | None = None, store: Path | None = None) -> None:
    """Tune every arm of the claim that was not tuned with that many trials yet, and store what was chosen."""
    world = worlds.open(claim.dataset, claim.split)
    alone = claim.budget.trials is not None
    wanted = trials or claim.budget.trials
    if wanted is None:
        raise InputError(f"claim {claim.name!r} without trials", f"its budget is {claim.budget}", "pass --trials")
    for arm in filter(tuning.tunable, claim.arms):
        kept = tuning.stored(arm.recipe, world.dataset.name, folder)
        known = tuning.own(kept, arm.settings) if alone else tuning.shared(kept)
        if known is None or known.trials != wanted:
            fixed, budget = (dict(arm.settings), None) if alone else ({}, claim.budget)
            found = tuning.tune(recipe(arm.recipe), world, trials=wanted, fixed=fixed, budget=budget, store=store)
            tuning.store(found, arm.recipe, world.dataset.name, folder)


def _check_steps(claim: Claim, results: Mapping[str, Sequence[Measured]]) -> None:
    """Under a budget of steps, whatever is trained by steps took exactly so many."""
    if claim.budget.steps is None:
        return
    for name, runs in results.items():
        steps = sorted({run.steps for run in runs} - {0})
        require(
            steps in ([], [claim.budget.steps]),
            f"claim {claim.name!r}, arm {name!r} took {steps} steps",
            f"all arms have the same budget ({claim.budget})",
            "train every part of a recipe through lab.fit, with shares that sum to 1",
        )


def comparisons() -> int:
    """How many comparisons all claims make together, for the correction."""
    return sum(len(claim.arms) - 1 for _, claim in claims().values())


def judge(
    claim: Claim, owner: Recipe, world: World, results: Mapping[str, Sequence[Measured]], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The record of a claim whose arms were measured."""
    values = {name: [one.metrics(world) for one in runs] for name, runs in results.items()}
    rows = _rows(claim, world) if claim.rows == LISTS else np.ones(len(next(iter(values[claim.subject.name][0].values()))), bool)

    def table(arm: str, metric: str) -> np.ndarray:
        for run in values[arm]:
            has = f"{world.dataset.name} has {world.split.num_items} items" if claim.rows == LISTS else f"{arm} has {', '.join(run)}"
            require(metric in run, f"metric={metric!r}", has, "use a smaller cut-off, or what is measured")
            right = len(run[metric]) == len(rows)
            require(right, f"{len(run[metric])} {claim.rows} of {arm}", f"every arm and seed has {len(rows)}", "measure the same ones")
        return np.stack([run[metric][rows] for run in values[arm]])

    asked = max(comparisons(), len(claim.arms) - 1)
    found = [
        compare(
            table(claim.subject.name, claim.metric),
            table(arm.name, claim.metric),
            name=arm.name,
            margin=claim.margin,
            lower=claim.lower,
            comparisons=asked,
        )
        for arm in claim.arms[1:]
    ]
    machine = describe().plain()
    shown = [name for name in dict.fromkeys((claim.metric, *claim.shown)) if name in next(iter(values.values()))[0]]
    return {
        "claim": claim.name,
        "says": claim.says,
        "note": claim.note,
        "recipe": owner.name,
        "family": owner.family,
        "paper": vars(owner.paper),
        "dataset": world.dataset.name,
        "data": world.dataset.fingerprint,
        "counts": world.dataset.summary(),
        "split": claim.split,
        "split_says": world.split.name,
        "slice": claim.slice,
        "rows": claim.rows,
        "users": int(rows.sum()),
        "seen": str(claim.seen),
        "metric": claim.metric,
        "lower_is_better": claim.lower,
        "margin": claim.margin,
        "budget": str(claim.budget),
        "seeds": list(claim.seeds),
        "verdict": str(outcome(found)),
        "difference": found[0].difference,
        "interval": list(found[0].interval),
        "comparisons": [_plain(one, arm, claim) for one, arm in zip(found, claim.arms[1:], strict=True)],
        "correction": {"method": "Bonferroni", "alpha": ALPHA, "comparisons": asked, "draws": DRAWS},
        "arms": [
            _arm(arm, claim, results[arm.name], settings[arm.name], {name: table(arm.name, name) for name in shown}) for arm in claim.arms
        ],
        "definition": records.definition(claim),
        "machine": {key: machine[key] for key in ("cpu", "cores", "threads", "memory_gb", "python", "packages", "load")},
        "commit": machine["commit"],
    }


def _rows(claim: Claim, world: World) -> np.ndarray:
    """bool[R], the test users the claim speaks of."""
    test = world.split.test
    if claim.slice == "all":
        return np.ones(len(test), bool)
    found = {part.name: part.rows for part in slices(world.split, test)}
    require(
        claim.slice in found,
        f"slice={claim.slice!r}",
        f"no test user of {world.dataset.name} is in it",
        f"use one of: {', '.join(found)}",
    )
    return found[claim.slice]


def _plain(one: Comparison, arm: Arm, claim: Claim) -> dict[str, Any]:
    return {
        "other": one.other,
        "role": claim.role(arm),
        "difference": one.difference,
        "interval": list(one.interval),
        "relative": one.relative if np.isfinite(one.relative) else None,
        "needed": one.needed,
        "corrected": list(one.corrected),
        "verdict": str(one.outcome),
    }


def _arm(arm: Arm, claim: Claim, runs: Sequence[Measured], settings: Mapping[str, Any], tables: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {
        "name": arm.name,
        "role": claim.role(arm),
        "recipe": arm.recipe,
        "settings": dict(settings),
        "code": recipe(arm.recipe).version,
        "metrics": {name: float(values.mean()) for name, values in tables.items()},
        "intervals": {name: list(interval(values)) for name, values in tables.items()},
        "seeds": {name: [float(one) for one in values.mean(axis=1)] for name, values in tables.items()},
        "steps": runs[0].steps,
        "positions": int(np.mean([run.positions for run in runs])),
        "seconds": float(np.mean([run.seconds for run in runs])),
        "rank_seconds": float(np.mean([run.rank_seconds for run in runs])),
        "peak_mb": float(max(run.peak_mb for run in runs)),
        "parameters": runs[0].parameters,
        "curves": [{name: _thin(log) for name, log in run.curves.items()} for run in runs],
    }


def _thin(log: Sequence[Mapping[str, float]], most: int = 40) -> list[dict[str, float]]:
    """At most ``most`` entries with a validation, evenly spaced, the last among them; four digits are enough for a curve."""
    entries = [entry for entry in log if "metric" in entry] or list(log)
    places = np.unique(np.linspace(0, len(entries) - 1, min(most, len(entries))).round().astype(int)) if entries else []
    return [{key: float(f"{value:.4g}") for key, value in entries[place].items()} for place in places]
