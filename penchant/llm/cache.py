"""Answers are kept in a file, so that no question is paid for twice.

    model = Cached(OpenAIServer(settings), folder / "answers.sqlite")

An answer is found again by what was asked and the model's fingerprint. Reasons in place of answers are not kept: what failed is asked
again. An entry that was spoilt on the disk is asked again, too.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from penchant.core.errors import PenchantError, require
from penchant.core.sqlite_file import Kind, SqliteFile
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel

Question = TypeVar("Question", Ask, Choose)
Answer = TypeVar("Answer", Completion, Choice)

_KIND = Kind(
    what="file of answers",
    application=0x50454E4C,
    version=1,
    schema="CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;",
    repair="delete it: the model is asked again",
)
_AT_ONCE = 500  # keys a query
_WAIT = 60.0  # seconds for other processes that write


class Cached:
    """A ``LanguageModel`` around another. Threads and processes may share the file. A kept answer costs nothing.

    Attributes:
        model: The one that answers what is not in the file.
        hits: Questions that it was not asked, as their answers were in the file or asked for twice in a batch.
        misses: Questions that it was asked.

    Args:
        model: See above.
        path: The file; made, with its folders, if it is not there.
        chunk: Questions that the model is asked at a time. Their answers are on the disk before it is asked the next.

    Raises:
        InputError: ``chunk`` is below 1.
        ArtifactError: The file is damaged, of another program, or of a newer version. Raised by questions too.
        StorageError: The disk refused. Raised by questions too.
    """

    def __init__(self, model: LanguageModel, path: Path, *, chunk: int = 256) -> None:
        require(chunk >= 1, f"chunk={chunk}", "a model is asked at least one question at a time", "pass chunk>=1")
        self.model, self.name, self.chunk = model, model.name, chunk
        self.hits = self.misses = 0
        self._counting = threading.Lock()
        self._answers = _Answers(Path(path))

    def fingerprint(self) -> str:
        """The model's: it is the one that answers."""
        return self.model.fingerprint()

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        """See ``LanguageModel``."""
        return self._all(asks, self.model.complete, _completion)

    def choose(self, chooses: Sequence[Choose]) -> list[Choice | PenchantError]:
        """See ``LanguageModel``."""
        return self._all(chooses, self.model.choose, _choice)

    def close(self) -> None:
        """Close the file."""
        self._answers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all(
        self,
        questions: Sequence[Question],
        ask: Callable[[Sequence[Question]], list[Answer | PenchantError]],
        read: Callable[[bytes, Question], Answer | None],
    ) -> list[Answer | PenchantError]:
        mark = self.fingerprint().encode()
        keys = [hashlib.sha256(mark + b"\n" + one.key().encode()).digest() for one in questions]
        kept = self._answers.get(keys)
        found: dict[bytes, Answer | PenchantError] = {}
        missing: dict[bytes, Question] = {}
        for key, question in zip(keys, questions, strict=True):
            if key in found or key in missing:
                continue
            answer = read(kept[key], question) if key in kept else None
            if answer is None:
                missing[key] = question
            else:
                found[key] = answer
        with self._counting:
            self.hits += len(questions) - len(missing)
            self.misses += len(missing)
        asked = list(missing)
        for start in range(0, len(asked), self.chunk):
            part = asked[start : start + self.chunk]
            fresh = dict(zip(part, ask([missing[key] for key in part]), strict=True))
            self._answers.put({key: _plain(answer) for key, answer in fresh.items() if not isinstance(answer, PenchantError)})
            found |= fresh
        return list(_free_again(keys, found))


class _Answers:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, _KIND, wait_seconds=_WAIT)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """What is kept and whole."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._file.ask(f"SELECT key, answer, sum FROM answers WHERE key IN ({marks})", *part)
            found.update((key, answer) for key, answer, told in rows if told is not None and _sum(key, answer) == told)
        return found

    def put(self, answers: Mapping[bytes, bytes]) -> None:
        """Keep answers, all or none; on the disk when this ends."""
        if answers:
            rows = [(key, answer, _sum(key, answer)) for key, answer in answers.items()]
            with self._file.transaction() as connection:
                connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        self._file.close()


def _sum(key: bytes, answer: object) -> int | None:
    """It depends on the key as well: an answer in another's place is none. None: it is not even bytes."""
    return zlib.crc32(answer, zlib.crc32(key)) if isinstance(answer, bytes) else None


def _plain(answer: Completion | Choice) -> bytes:
    if isinstance(answer, Completion):
        values: list[object] = [answer.text, answer.cut, answer.read, answer.written]
    else:
        values = [answer.option, None if answer.scores is None else answer.scores.tolist(), answer.read, answer.written]
    return json.dumps(values, separators=(",", ":")).encode()


def _completion(kept: bytes, _: Ask) -> Completion | None:
    """None: it is not one."""
    try:
        text, cut, read, written = json.loads(kept)
    except (ValueError, TypeError):
        return None
    return Completion(text, cut, read, written) if isinstance(text, str) else None


def _choice(kept: bytes, question: Choose) -> Choice | None:
    """None: it is not one of the question."""
    try:
        option, scores, read, written = json.loads(kept)
        known = None if scores is None else np.array(scores, np.float64)
    except (ValueError, TypeError):
        return None
    count = len(question.options)
    whole = isinstance(option, int) and 0 <= option < count and (known is None or known.shape == (count,))
    return Choice(option, known, read, written=written) if whole else None


def _free_again(keys: Sequence[bytes], found: Mapping[bytes, Answer | PenchantError]) -> Iterator[Answer | PenchantError]:
    """The answers in order. What was asked for twice is paid for once."""
    seen: set[bytes] = set()
    for key in keys:
        answer = found[key]
        if key in seen and not isinstance(answer, PenchantError) and answer.cost:
            answer = replace(answer, cost=0.0)
        seen.add(key)
        yield answer
