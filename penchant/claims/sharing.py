"""Labs that keep what they trained, so that arms which differ only in what comes after training train it once.

A part is known by all that its training depends on: the model as it stands before (weights, settings, losses), how it is
trained, the events and validation targets, and the code below the recipe. Parts with batches, an optimiser or a
validation of their own are trained each time.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from penchant.claims.fingerprint import fingerprint
from penchant.claims.lab import Lab
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError
from penchant.data.batches import Batches
from penchant.data.histories import Histories
from penchant.train.loop import TrainingRun
from penchant.train.optimisers import adamw
from penchant.train.settings import TrainSettings

KIND = "claim-part"
M = TypeVar("M", bound=nn.Module)


@dataclass
class SharingLab(Lab):
    """A lab with a store of trained parts.

    Attributes:
        parts: The store; None keeps nothing.
        version: Of the code that decides what comes of training.
    """

    parts: Path | None = None
    version: str = ""

    @classmethod
    def of(cls, lab: Lab, parts: Path, version: str) -> SharingLab:
        """The lab with a store."""
        return cls(**{name: value for name, value in vars(lab).items() if name in Lab.__dataclass_fields__}, parts=parts, version=version)

    def fit(
        self,
        model: M,
        training: TrainSettings,
        data: Batches | Histories | None = None,
        *,
        name: str = "model",
        share: float = 1.0,
        validate: Callable[[], float] | None = None,
        optimiser: Callable[[nn.Module, TrainSettings], torch.optim.Optimizer] = adamw,
    ) -> M:
        """See ``Lab.fit``; a part that was trained before is read."""
        usual = data is None and validate is None and optimiser is adamw
        key = self._key(model, self.within(training, share)) if usual and self.parts is not None and name not in self.runs else None
        if key is None or self.parts is None:
            return super().fit(model, training, data, name=name, share=share, validate=validate, optimiser=optimiser)
        folder = self.parts / key
        try:
            self.runs[name] = _read(folder, model)
        except ArtifactError:  # not trained yet, or a disk that lost something
            shutil.rmtree(folder, ignore_errors=True)
            super().fit(model, training, name=name, share=share)
            _write(folder, model, self.runs[name])
        return model

    def _key(self, model: nn.Module, training: TrainSettings) -> str | None:
        try:
            return fingerprint([self.version, model, training, self.train, self.valid])[:24]
        except InputError:  # something in it cannot be compared
            return None


def _write(folder: Path, model: nn.Module, run: TrainingRun) -> None:
    with write_artifact(folder, kind=KIND, settings={}) as out:
        weights = {name: value.contiguous() for name, value in model.state_dict().items()}
        out.tensors("weights", {**weights, "random.state": torch.get_rng_state()})
        numbers = {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in vars(run).items()}
        out.json("run", {**numbers, "evaluating": not model.training})


def _read(folder: Path, model: nn.Module) -> TrainingRun:
    saved = read_artifact(folder, kind=KIND)
    weights: dict[str, Any] = dict(saved.tensors("weights"))
    torch.set_rng_state(weights.pop("random.state"))
    model.load_state_dict(weights)
    run: dict[str, Any] = saved.json("run")
    model.train(not run.pop("evaluating"))
    run = {name: math.nan if value is None else value for name, value in run.items()}
    return TrainingRun(**run)
