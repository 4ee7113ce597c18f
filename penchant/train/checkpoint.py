"""Checkpoints from which a killed run goes on as if nothing had happened.

All that decides the next step is saved: weights, optimiser, random states, the place in the epoch, the best weights
so far and the stopping counters. The order of batches needs no saving: it follows from (seed, epoch).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import TrainingError, require

KIND = "checkpoint"


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: The epoch under way (0-based).
        batch: Batches of it already done.
        step: Steps since the beginning.
        best: The best validation metric, and the epoch it came from.
        waited: Validations since then.
        seconds: Training time of all sittings together.
        positions: Targets seen.
        done: Whether the run has ended.
        log: One entry a validation.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float = float("-inf")
    best_epoch: int = -1
    waited: int = 0
    seconds: float = 0.0
    positions: int = 0
    loss_sum: float = 0.0
    done: bool = False
    log: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(
    folder: Path,
    settings: Mapping[str, Any],
    model: nn.Module,
    best: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Write everything, atomically; the previous checkpoint stays until the new one is complete."""
    tensors, plain = _flatten(optimiser.state_dict()["state"])
    with write_artifact(folder, kind=KIND, settings=settings) as out:
        out.tensors("model", {name: value.contiguous() for name, value in model.state_dict().items()})
        out.tensors("best", {name: value.contiguous() for name, value in best.items()})
        out.tensors("optimiser", {**tensors, "random": torch.get_rng_state()})
        out.json("progress", {**asdict(progress), "best": None if progress.best_epoch < 0 else progress.best, "optimiser": plain})


def load_checkpoint(
    folder: Path, settings: Mapping[str, Any], model: nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict[str, torch.Tensor]]:
    """Restore model, optimiser and random state in place; returns the progress and the best weights.

    Raises:
        TrainingError: The checkpoint was made with other settings.
        ArtifactError: It is broken.
    """
    saved = read_artifact(folder, kind=KIND)
    changed = sorted(key for key in settings if saved.manifest.settings.get(key) != settings[key])
    require(
        not changed,
        f"{', '.join(changed)} changed since the checkpoint in {folder.name}",
        "a run goes on with its own settings",
        "use the old settings, or remove the folder to start anew",
        TrainingError,
    )
    model.load_state_dict(saved.tensors("model"))
    tensors, state = saved.tensors("optimiser"), saved.json("progress")
    torch.set_rng_state(tensors.pop("random"))
    restored = optimiser.state_dict()
    restored["state"] = _unflatten(tensors, state.pop("optimiser"))
    optimiser.load_state_dict(restored)
    if state["best"] is None:
        state["best"] = float("-inf")
    return Progress(**state), saved.tensors("best")


def _flatten(state: dict[int, dict[str, Any]]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    tensors, plain = {}, {}
    for index, entries in state.items():
        for name, value in entries.items():
            (tensors if isinstance(value, torch.Tensor) else plain)[f"{index}.{name}"] = value
    return tensors, plain


def _unflatten(tensors: Mapping[str, torch.Tensor], plain: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in {**tensors, **plain}.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    return state
