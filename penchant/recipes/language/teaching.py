"""Teaching a local language model within the budget of a claim."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from penchant.claims.lab import Lab
from penchant.core.assets import cache_folder
from penchant.core.errors import require
from penchant.core.machine import peak_memory_mb
from penchant.llm.cache import Cached
from penchant.llm.lora import Example, LoraSettings, tune
from penchant.llm.model import LanguageModel
from penchant.llm.teachable import teachable
from penchant.train.loop import TrainingRun
from penchant.train.settings import TrainSettings


def taught(lab: Lab, model: LanguageModel, examples: Sequence[Example], settings: LoraSettings, name: str = "lora") -> LanguageModel:
    """A copy of the model that learnt the examples, in as many steps as the budget has; its answers are kept, too.

    Args:
        lab: Its budget and seed overrule the settings, and it is told what the training took.
        model: In this process.
        examples: What is learnt.
        settings: How.
        name: Of this part of the recipe.

    Raises:
        InputError: The model is not in this process, or the budget is one of seconds.
    """
    within = lab.within(TrainSettings())
    require(within.seconds is None, f"budget={lab.budget}", "language models are taught by steps", "pass Budget(steps=...)")
    settings = settings.but(seed=lab.seed, steps=within.steps or settings.steps)
    base = teachable(model)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = tune(base, examples, Path(folder) / "taught", settings)
        found.model.fingerprint()  # of files that are gone afterwards
    count = settings.steps * settings.batch
    log = [{"step": float(step), "loss": float(loss)} for step, loss in enumerate(found.losses, start=1)]
    lab.runs[name] = TrainingRun(
        best=float("nan"),
        best_epoch=0,
        epochs=-(-count // len(examples)),
        steps=settings.steps,
        seconds=found.seconds,
        positions=count,
        positions_per_second=count / max(found.seconds, 1e-9),
        peak_mb=peak_memory_mb(),
        parameters=sum(one.numel() for one in found.model._network.parameters()),
        mfu=float("nan"),
        log=log,
    )
    return Cached(found.model, cache_folder() / "answers.sqlite")
