"""Distillation: the answers of a large model teach a small one, and rows that it did not learn from tell how near it comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.llm.batch import Row
from penchant.llm.local import LocalModel
from penchant.llm.lora import Example, LoraSettings, answer_losses, tune
from penchant.llm.model import Choice, Choose, Completion

_HELD = 7  # a purpose of the seed


@dataclass(frozen=True)
class Distilled:
    """What came of it.

    Attributes:
        model: The small one, taught.
        learnt: Answers that it learnt from.
        held: Answers that it did not.
        before: Mean negative log-likelihood in nats a token of the held answers, by the model as it was.
        after: The same by the taught one.
    """

    model: LocalModel
    learnt: int
    held: int
    before: float
    after: float


def examples_of(rows: Iterable[Row], answers: Mapping[str, object]) -> list[Example]:
    """A question and its answer each, in the order of rows: of a choice the text that was chosen.

    Args:
        rows: Ids and questions.
        answers: By id; whatever has no answer, or one that was cut, is left out.
    """
    found = []
    for name, question in rows:
        answer = answers.get(name)
        if isinstance(answer, Choice) and isinstance(question, Choose):
            found.append(Example(question.messages, question.options[answer.option]))
        elif isinstance(answer, Completion) and not answer.cut:
            found.append(Example(question.messages, answer.text))
    return found


def distil(student: LocalModel, examples: list[Example], folder: Path, settings: LoraSettings, *, held: float = 0.2) -> Distilled:
    """Teach a copy of a small model by LoRA; ``folder`` is then a model like any other.

    Args:
        student: Stays as it is.
        examples: What the large one answered, see ``examples_of``.
        folder: Where the taught one is written.
        settings: How.
        held: Share of the examples that is not learnt from, one or more.

    Raises:
        InputError: There are fewer than two examples, or none is left to learn from.
        AssetError, TrainingError: See ``tune``.
    """
    require(0 < held < 1, f"held={held:g}", "a share of the answers tells what was learnt", "pass 0 < held < 1")
    count = max(1, round(held * len(examples)))
    require(count < len(examples), f"{len(examples)} answers", "some are learnt from and some are held", "have more questions answered")
    order = generator(settings.seed, _HELD).permutation(len(examples)).tolist()
    kept, learnt = ([examples[one] for one in part] for part in (order[:count], order[count:]))
    before = float(np.mean(answer_losses(student, kept)))
    taught = tune(student, learnt, folder, settings).model
    return Distilled(taught, len(learnt), len(kept), before, float(np.mean(answer_losses(taught, kept))))
