"""What a recipe works with. The test split is not in it, so nothing that is built, trained or tuned can see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from penchant.claims.claim import Budget
from penchant.contracts import Retriever
from penchant.core.errors import InputError, require
from penchant.data.batches import Batches
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.protocol import Seen, evaluate
from penchant.items.encoders import TextEncoder
from penchant.train.loop import Trainer, TrainingRun
from penchant.train.optimisers import adamw
from penchant.train.settings import TrainSettings

M = TypeVar("M", bound=nn.Module)

#: Users that early stopping looks at, at most.
VALIDATION_USERS = 4_000
#: Passes over the data that a budget of steps or seconds is sure to end before.
ENDLESS = 1_000_000


@dataclass
class Lab:
    """One data set, open to a recipe: catalogue, training events, validation targets, a seed and a budget.

    Attributes:
        name: Of the data set.
        catalog: N items.
        train: R rows (users); what may be learnt from.
        valid: What early stopping and choices go by.
        seed: Of weights, batches and whatever else is drawn.
        budget: None lets every recipe train as its own settings say.
        folder: For logs and checkpoints; None keeps nothing, and a killed run begins anew.
        encoder: Gives what makes text vectors of items, when they are first asked for.
        other: Opens a further data set by name, for recipes that transfer.
        runs: What was trained here, by name, in order.
    """

    name: str
    catalog: Catalog
    train: Histories
    valid: Targets
    seed: int = 0
    budget: Budget | None = None
    folder: Path | None = None
    encoder: Callable[[], TextEncoder] | None = None
    other: Callable[[str], Lab] | None = None
    runs: dict[str, TrainingRun] = field(default_factory=dict)

    @property
    def num_items(self) -> int:
        return len(self.catalog)

    @cached_property
    def counts(self) -> np.ndarray:
        """int64[N + 1], training events an item."""
        return np.bincount(self.train.items, minlength=self.num_items + 1)

    @cached_property
    def vectors(self) -> np.ndarray:
        """float32[N + 1, D], unit text vectors; row 0 is zero."""
        if self.encoder is None:
            raise InputError("encoder=None", "text vectors need an encoder", "open the lab with one")
        found = self.encoder().encode(self.catalog.texts())
        return np.concatenate([np.zeros((1, found.shape[1]), np.float32), found])

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
        """Train ``model`` in place within the budget, keep the weights that validate best, and return it.

        Args:
            training: How; the budget and the seed overrule it.
            data: Histories or batches; all training histories by default.
            name: Of this part of the recipe, unlike any other part's.
            share: Of the budget that this part takes, for recipes that train in parts.
            validate: Higher is better; by default NDCG@10 on validation if the model can recommend, else nothing.
        """
        require(name not in self.runs, f"name={name!r}", "a part of this name was trained already", "give each part its own name")
        if validate is None and isinstance(model, Retriever):
            validate = self.judge(model)
        trainer = Trainer(self.within(training, share), self.folder / name if self.folder else None, optimiser=optimiser)
        self.runs[name] = trainer.fit(model, self.train if data is None else data, validate, name=name)  # type: ignore[arg-type]
        return model

    def within(self, training: TrainSettings, share: float = 1.0) -> TrainSettings:
        """``training`` with the lab's seed, and its amount set by the budget."""
        training = training.but(seed=self.seed)
        if self.budget is None or self.budget.trials is not None:
            return training
        steps = None if self.budget.steps is None else max(1, round(self.budget.steps * share))
        seconds = None if self.budget.seconds is None else self.budget.seconds * share
        return training.but(epochs=ENDLESS, patience=ENDLESS, steps=steps, seconds=seconds)

    def judge(self, model: Retriever) -> Callable[[], float]:
        """A function that gives the model's NDCG@10 on validation, seen items removed."""
        return lambda: self.quality(model)

    def quality(self, model: Retriever) -> float:
        """NDCG@10 on at most 4,000 users of validation, seen items removed."""
        return evaluate(model, self._judges, name="validation", seen=Seen.REMOVED, ks=(10,)).mean("ndcg@10")

    @cached_property
    def _judges(self) -> Targets:
        return self.valid.sample(VALIDATION_USERS)

    @property
    def steps(self) -> int:
        """Optimiser steps taken so far."""
        return sum(run.steps for run in self.runs.values())
