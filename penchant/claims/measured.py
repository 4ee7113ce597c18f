"""One arm trained with one seed and measured once; kept, so that claims which share an arm train it once.

What is kept depends on the code below the recipe, the data, the split, the arguments, the budget and the seed, and on
nothing else; a change of any of them is another key. A run that is killed goes on from its checkpoints.

Letters: R test users, K places of a list.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from scipy import sparse

from penchant.claims.claim import Budget
from penchant.claims.discover import Recipe
from penchant.claims.sharing import SharingLab
from penchant.claims.world import World
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.assets import cache_folder
from penchant.core.errors import ArtifactError, require
from penchant.core.machine import peak_memory_mb, reset_peak_memory
from penchant.core.progress import stage
from penchant.core.seeds import seed_everything
from penchant.evaluate.metrics import per_row
from penchant.evaluate.protocol import KS, Seen, capped, evaluate

KIND = "claim-arm"
_VALUE = "value: "  # before the names of what a recipe measured itself


@dataclass(frozen=True)
class Task:
    """What decides the numbers of one arm with one seed."""

    recipe: Recipe
    settings: Mapping[str, Any]
    world: World
    budget: Budget
    seed: int
    seen: Seen

    @property
    def key(self) -> str:
        """A hash of all of it."""
        told = {
            "code": self.recipe.version,
            "recipe": self.recipe.name,
            "data": self.world.dataset.fingerprint,
            "split": self.world.split.name,
            "settings": dict(self.settings),
            "budget": {name: value for name, value in vars(self.budget).items() if name != "trials" and value is not None},
            "seed": self.seed,
            "seen": self.seen,
            "ks": KS,
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:24]


@dataclass(frozen=True)
class Measured:
    """What came of it.

    Attributes:
        lists: int32[R, K], what was recommended to each test user.
        seconds: Of building and training, validation included.
        steps: Optimiser steps.
        positions: Targets trained on.
        parameters: Numbers that were learnt and are kept.
        peak_mb: The most memory the process held meanwhile.
        rank_seconds: Of ranking the catalogue for all test users.
        curves: A list a trained part: an entry a validation, with epoch, seconds, loss and metric.
        values: float[R] by metric, of a recipe that makes no lists.
    """

    lists: np.ndarray
    seconds: float
    steps: int
    positions: int
    parameters: int
    peak_mb: float
    rank_seconds: float
    curves: dict[str, list[dict[str, float]]]
    values: dict[str, np.ndarray] = field(default_factory=dict)

    def metrics(self, world: World) -> dict[str, np.ndarray]:
        """float[R] by name, see ``penchant.evaluate.metrics``, or as the recipe measures."""
        if self.values:
            return self.values
        cuts, _ = capped(KS, world.split.num_items)
        return per_row(self.lists, world.split.test.items, cuts)


def measured(task: Task, store: Path | None = None) -> Measured:
    """Train and measure, or read what was kept. Whoever else is at the same task at the moment is waited for."""
    store = store or cache_folder() / "claims"
    folder, work = store / task.key, store / "work" / task.key
    work.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(work.with_suffix(".lock")):
        if folder.exists():
            try:
                return _read(folder)
            except ArtifactError:  # a disk that lost something; it is trained again
                shutil.rmtree(folder, ignore_errors=True)
        found = _run(task, work)
        _write(folder, task, found)
        shutil.rmtree(work, ignore_errors=True)
    return found


def _run(task: Task, work: Path) -> Measured:
    lab = SharingLab.of(task.world.lab(task.seed, task.budget, work), work.parent.parent / "parts", task.recipe.version)
    reset_peak_memory()
    seed_everything(task.seed)
    began = time.monotonic()
    with stage(f"{task.recipe.name} on {lab.name}, seed {task.seed}"):
        model = task.recipe.build(lab, **task.settings)
    seconds = max(time.monotonic() - began, sum(run.seconds for run in lab.runs.values()))  # a resumed run's first sitting counts
    lists, values, ranking = judged(model, task)
    return Measured(
        lists=lists,
        values=values,
        seconds=seconds,
        steps=lab.steps,
        positions=sum(run.positions for run in lab.runs.values()),
        parameters=parameters(model),
        peak_mb=peak_memory_mb(),
        rank_seconds=ranking,
        curves={name: run.log for name, run in lab.runs.items()},
    )


def judged(model: Any, task: Task) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    """The lists of a model, or the values that its recipe measures, and the seconds it took."""
    if task.recipe.measure is None:
        result = evaluate(model, task.world.split.test, name=task.recipe.name, seen=task.seen, ks=KS)
        return result.lists, {}, result.seconds
    began = time.monotonic()
    values = {name: np.asarray(found, np.float64) for name, found in task.recipe.measure(model, task.world).items()}
    lengths = {len(found) for found in values.values()}
    right = len(lengths) == 1 and min(lengths) > 0 and all(np.isfinite(found).all() for found in values.values())
    rule = "a recipe measures at least one thing, and every metric of each, as finite numbers"
    require(right, f"{task.recipe.name}: {sorted(lengths)} values of {sorted(values)}", rule, "repair its measure")
    return np.zeros((0, 0), np.int32), values, time.monotonic() - began


def parameters(model: object) -> int:
    """Learnt numbers: a network's parameters, or the floats that a closed form keeps under names without an underscore.

    A model made of others counts what was learnt by all of them, and one that reads another's scores counts that one.
    """
    if isinstance(model, torch.nn.Module):
        return sum(one.numel() for one in model.parameters())
    if isinstance(parts := getattr(model, "parts", None), Sequence):
        return sum(parameters(part) for part in parts)
    if isinstance(inner := getattr(model, "model", None), torch.nn.Module):
        return parameters(inner)
    return sum(_floats(value) for name, value in vars(model).items() if not name.startswith("_"))


def _floats(value: object) -> int:
    """Entries of an array, sparse matrix or tensor of floats; 0 for anything else."""
    if isinstance(value, torch.Tensor):
        return value.numel() if value.is_floating_point() else 0
    if isinstance(value, np.ndarray | sparse.csr_matrix) and value.dtype.kind == "f":
        return int(value.nnz if isinstance(value, sparse.csr_matrix) else value.size)
    return 0


def _write(folder: Path, task: Task, found: Measured) -> None:
    plain = {name: value for name, value in vars(found).items() if name not in ("lists", "values")}
    told = {"recipe": task.recipe.name, "dataset": task.world.dataset.name, "seed": task.seed, "code": task.recipe.version}
    with write_artifact(folder, kind=KIND, settings={**told, "settings": dict(task.settings)}) as out:
        out.tensors("lists", {"lists": found.lists, **{f"{_VALUE}{name}": value for name, value in found.values.items()}})
        out.json("measured", plain)


def _read(folder: Path) -> Measured:
    saved = read_artifact(folder, kind=KIND)
    arrays = saved.arrays("lists")
    values = {name.removeprefix(_VALUE): found for name, found in arrays.items() if name.startswith(_VALUE)}
    return Measured(lists=arrays["lists"], values=values, **saved.json("measured"))
