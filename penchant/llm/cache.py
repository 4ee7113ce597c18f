"""Answers are kept in a file, so that no question is paid for twice.

    model = Cached(OpenAIServer(settings), folder / "answers.sqlite")

An answer is found again by what was asked and the model's fingerprint. Reasons in place of answers are not kept: what failed is asked
again. An entry that was spoilt on the disk is asked again, too.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

import numpy as np

from penchant.core.errors import ArtifactError, PenchantError, StorageError, require
from penchant.core.storage import writing
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel

Question = TypeVar("Question", Ask, Choose)
Answer = TypeVar("Answer", Completion, Choice)

_APPLICATION = 0x50454E4C  # marks the file as ours
_VERSION = 1
_SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;"
_AT_ONCE = 500  # keys a query
_WAIT = 60.0  # seconds for other processes that write
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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
        self.path = path
        self._lock = threading.Lock()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._told():
            self._connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            with self._told():
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """What is kept and whole."""
        found: dict[bytes, bytes] = {}
        with self._lock, self._told():
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(f"SELECT key, answer, sum FROM answers WHERE key IN ({marks})", part)
                found.update((key, answer) for key, answer, told in rows if told is not None and _sum(key, answer) == told)
        return found

    def put(self, answers: Mapping[bytes, bytes]) -> None:
        """Keep answers, all or none; on the disk when this ends."""
        if not answers:
            return
        rows = [(key, answer, _sum(key, answer)) for key, answer in answers.items()]
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        (application,), (version,) = run("PRAGMA application_id").fetchone(), run("PRAGMA user_version").fetchone()
        (tables,) = run("SELECT COUNT(*) FROM sqlite_master").fetchone()
        ours = application == _APPLICATION or (application == 0 and tables == 0)
        require(ours, f"{self.path}", "it is the database of another program", "choose another file", ArtifactError)
        newer = f"version {version} of {self.path}"
        require(version <= _VERSION, newer, f"this Penchant reads up to {_VERSION}", "use a newer Penchant", ArtifactError)
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")  # answers were paid for; a commit for each chunk costs little
        if version < _VERSION:
            head = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};"
            self._connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {head} COMMIT;")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say in the project's errors what SQLite could not do."""
        try:
            yield
        except sqlite3.Error as error:
            value = f"answers in {self.path}"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                raise ArtifactError(value, f"the file is damaged ({error})", "delete it: the model is asked again") from error
            remedy = "see that the disk has space, that you may write there, and that the file is open and nobody else holds it"
            raise StorageError(value, f"SQLite could not do it ({error})", remedy) from error


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
