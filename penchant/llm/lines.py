"""The files of a run: answers line by line, and the rows that have none. A line that was cut is removed; nothing else is lost."""

from __future__ import annotations

import hashlib
import json
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from penchant.core.errors import DataError, InputError, PenchantError, require
from penchant.core.storage import replace_text, sync_folder, writing
from penchant.llm.model import Ask, Choice, Choose, Completion

_HEAD = b'{"id": '  # every line begins so, and what does not is not ours
_KEY = 16  # characters of a question's key that are written
_BLOCK = 1 << 16


def failed_path(path: Path) -> Path:
    """Where rows without an answer are: ``topics.failed.jsonl`` beside ``topics.jsonl``."""
    return path.with_name(f"{path.stem}.failed{path.suffix or '.jsonl'}")


class _Lines(ABC):
    """A file of JSON lines that grows.

    Raises:
        DataError: It holds other things than lines of this program; it is left as it is.
        StorageError: The disk refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._take()
            self._file = path.open("ab")
            sync_folder(path.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self.path):
            self._file.close()

    def write(self, values: dict[str, Any]) -> None:
        """Add a line; it is on the disk after ``sync``."""
        with writing(self.path):
            self._file.write(_line(values))

    def sync(self) -> None:
        """Wait until all lines are on the disk."""
        with writing(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())

    @abstractmethod
    def known(self, values: dict[str, Any]) -> None:
        """Called with each line that is there at the start."""

    def _take(self) -> None:
        """Read all lines, then remove the last one if it was cut."""
        end = 0
        for number, line in _lines(self.path):
            if line.endswith(b"\n"):
                self.known(self._values(number, line))
                end += len(line)
            else:  # the beginning of the last line
                ours = line.startswith(_HEAD) or _HEAD.startswith(line)
                require(ours, *_strange(self.path, number), DataError)
        if end < self.path.stat().st_size:
            os.truncate(self.path, end)

    def _values(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            values = json.loads(line)
        except ValueError:
            values = None
        if not line.startswith(_HEAD) or not isinstance(values, dict) or not isinstance(values.get("id"), str):
            raise DataError(*_strange(self.path, number))
        return values


class Answers(_Lines):
    """Rows and their answers, of one model.

    Args:
        path: The file.
        model: Fingerprint of the model.

    Raises:
        InputError: The file has answers of another model.
    """

    def __init__(self, path: Path, model: str) -> None:
        self._questions: dict[str, str] = {}
        self._model = hashlib.sha256(model.encode()).hexdigest()[:_KEY]
        super().__init__(path)

    def question(self, id_: str) -> str | None:
        """The beginning of the key of the question that was answered for a row; None: it has no answer."""
        return self._questions.get(id_)

    def add(self, id_: str, question: Ask | Choose, answer: Completion | Choice) -> None:
        """Write an answer."""
        key = question.key()[:_KEY]
        values: dict[str, Any] = {"id": id_, "question": key, "model": self._model}
        if isinstance(answer, Completion):
            values |= {"text": answer.text, "cut": answer.cut}
        elif isinstance(question, Choose):
            scores = None if answer.scores is None else [one if math.isfinite(one) else None for one in answer.scores.tolist()]
            values |= {"option": question.options[answer.option], "place": answer.option, "scores": scores}
        self.write(values | {"read": answer.read, "written": answer.written, "cost": answer.cost})
        self._questions[id_] = key

    def known(self, values: dict[str, Any]) -> None:
        rule, remedy = "it has answers of another model", "write to another file, or take the same model"
        require(values.get("model", self._model) == self._model, str(self.path), rule, remedy, InputError)
        self._questions[values["id"]] = str(values.get("question", ""))


def read(path: Path) -> dict[str, Completion | Choice]:
    """The answers that runs wrote, by row.

    Raises:
        DataError: A line is none of a run's.
    """
    found: dict[str, Completion | Choice] = {}
    for number, line in _lines(path):
        if not line.endswith(b"\n"):
            break  # it was cut
        try:
            one = json.loads(line)
            rest = {"read": one["read"], "written": one["written"], "cost": one["cost"]}
            if "text" in one:
                found[one["id"]] = Completion(one["text"], one["cut"], **rest)
            else:
                scores = None if one["scores"] is None else np.array([-np.inf if value is None else value for value in one["scores"]])
                found[one["id"]] = Choice(one["place"], scores, **rest)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(*_strange(path, number)) from error
    return found


class Failures(_Lines):
    """Rows that have no answer, and why. At both ends of a run those that have one by then are taken out."""

    def __init__(self, path: Path, answers: Answers) -> None:
        self._answers = answers
        self._reasons: dict[str, dict[str, Any]] = {}
        super().__init__(path)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        left = [values for id_, values in self._reasons.items() if self._answers.question(id_) is None]
        if left:
            replace_text(self.path, b"".join(map(_line, left)).decode())
        else:
            with writing(self.path):
                self.path.unlink(missing_ok=True)

    def add(self, id_: str, reason: PenchantError) -> None:
        """Set a row aside."""
        values = {"id": id_, "error": type(reason).__name__, "reason": str(reason)}
        self.write(values)
        self._reasons[id_] = values

    def known(self, values: dict[str, Any]) -> None:
        self._reasons[values["id"]] = values


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1 on, and with their ends."""
    with path.open("rb", buffering=_BLOCK) as file:
        yield from enumerate(file, start=1)


def _strange(path: Path, number: int) -> tuple[str, str, str]:
    return f"line {number} of {path}", "it was not written by a run", "write to another file, or move this one away"


def _line(values: dict[str, Any]) -> bytes:
    try:
        return json.dumps(values, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a character (a lone surrogate) has no UTF-8, but an escape
        return json.dumps(values).encode() + b"\n"
