"""Teaching a small model what a large one answered, for commands that ask one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from penchant.cli.language_models import SMALL
from penchant.core.errors import require
from penchant.core.folders import occupant
from penchant.llm.batch import Row
from penchant.llm.distil import distil, examples_of
from penchant.llm.lines import read
from penchant.llm.local import LocalModel
from penchant.llm.lora import LoraSettings

TeachOption = Annotated[
    Path | None,
    typer.Option("--teach", help="Teach a small model the answers, by LoRA, and leave it in this folder: what a later --model takes."),
]
StudentOption = Annotated[str, typer.Option("--student", help=f"Who is taught: {SMALL}, or a folder with a model.")]
StepsOption = Annotated[int, typer.Option("--teach-steps", min=1, help="Of four answers each.")]
STEPS = 200


def check_free(folder: Path | None) -> None:
    """That a model can be written there, before anything is asked.

    Args:
        folder: For the taught model; None where none is taught.

    Raises:
        InputError: Something is in it.
    """
    free = folder is None or occupant(folder) == "none"
    require(free, f"--teach {folder}", "something is in this folder, and a model would be written over it", "pass another one")


def teach(rows: Iterable[Row], answers: Path, folder: Path, student: str, steps: int) -> str:
    """Teach a copy of the student, and say what came of it.

    Args:
        rows: Ids and questions, as they were asked.
        answers: The file that a run wrote.
        folder: For the taught model.
        student: As ``StudentOption`` says.
        steps: Of LoRA.

    Raises:
        InputError: Too few questions have an answer.
        AssetError: There is no student of that name.
    """
    model = LocalModel.fetch() if student == SMALL else LocalModel(Path(student))
    done = distil(model, examples_of(rows, read(answers)), folder, LoraSettings(steps=steps))
    return (
        f"{folder} learnt from {done.learnt:,} answers. An answer of the {done.held:,} others costs {done.after:.2f} nats a token, "
        f"{done.before:.2f} before. Next: --model {folder}"
    )
