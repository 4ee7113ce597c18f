"""Many questions, answered into a file: a run that was stopped goes on where it was.

    done = run(((item.id, Ask(...)) for item in items), model, Path("topics.jsonl"), total=len(items))

Each answer is one line of JSON: ``id``, ``question`` (tells whether the id still asks the same), ``model``, ``read``, ``written``,
``cost``, and ``text`` and ``cut``, or ``option`` (its text), ``place`` and ``scores``. Rows without an answer are in
``topics.failed.jsonl`` with their reason, and are asked again by the next run. A file has answers of one model: who changes the model
chooses another file.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout
from pydantic import Field

from penchant.core.errors import AnswerError, BudgetError, InputError, PenchantError, UnavailableError, require
from penchant.core.progress import Progress, progress
from penchant.core.settings import Settings
from penchant.core.storage import locked
from penchant.llm.lines import Answers, Failures, failed_path
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel

Row = tuple[str, Ask | Choose]
_Found = Completion | Choice | PenchantError


class BatchBudget(Settings):
    """When a run ends though rows are left. What is spent is limited by the model itself."""

    rows: int | None = Field(default=None, ge=0, description="that are asked; None: all")
    seconds: float | None = Field(default=None, gt=0, description="after which no further chunk begins; None: any time")


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        done: Rows answered.
        failed: Rows set aside with a reason.
        skipped: Rows that had their answer before, or came twice.
        seconds: It took.
        read, written: Tokens of answers.
        cost: Of answers, in the currency of the model's prices. What came to nothing is told by the model alone.
        stopped: Why it ended though rows may be left; None: no row is left.
    """

    done: int
    failed: int
    skipped: int
    seconds: float
    read: int
    written: int
    cost: float
    stopped: str | None

    @property
    def tokens_per_second(self) -> float:
        """Read and written."""
        return (self.read + self.written) / max(self.seconds, 1e-9)

    @property
    def cost_per_thousand(self) -> float:
        """Of a thousand answered rows."""
        return 1000 * self.cost / self.done if self.done else 0.0


def run(
    rows: Iterable[Row], model: LanguageModel, path: Path, *, chunk: int = 256, budget: BatchBudget | None = None, total: int | None = None
) -> Summary:
    """Answer rows. Everything is on the disk after each chunk; an interruption (Ctrl-C) ends the run there, as a budget does.

    Args:
        rows: Ids and questions, taken as they are needed. An id that comes twice is asked once.
        model: Answers them.
        path: JSON lines; made if it is not there, else gone on with.
        chunk: Rows that the model is asked at a time.
        budget: When to end early.
        total: Number of rows, for the progress; taken from ``rows`` where it tells.

    Raises:
        InputError: ``chunk`` is below 1, the file has answers of another model, one id asks two different questions, now or before, or
            another run writes the file.
        DataError: The file holds other things than answers.
        UnavailableError: Nothing of a chunk could be answered as the server is down. None of its rows is set aside.
        StorageError: The disk refused.
    """
    require(chunk >= 1, f"chunk={chunk}", "a model is asked at least one row at a time", "pass chunk>=1")
    if total is None and isinstance(rows, Sequence):
        total = len(rows)
    with (
        _alone(path),
        Answers(path, model.fingerprint()) as answers,
        Failures(failed_path(path), answers) as failures,
        progress("answer", total, unit="rows") as bar,
    ):
        return _Run(model, answers, failures, bar).of(rows, chunk, budget or BatchBudget())


class _Run:
    """One run, and its sums."""

    def __init__(self, model: LanguageModel, answers: Answers, failures: Failures, bar: Progress) -> None:
        self._model, self._answers, self._failures, self._bar = model, answers, failures, bar
        self._start = time.monotonic()
        self._done = self._failed = self._skipped = self._read = self._written = 0
        self._cost = 0.0

    def of(self, rows: Iterable[Row], chunk: int, budget: BatchBudget) -> Summary:
        left = self._left(rows)
        try:
            while True:
                room = chunk if budget.rows is None else min(chunk, budget.rows - self._done - self._failed)
                if room <= 0:
                    return self._summary("the budget of rows is used up")
                if budget.seconds is not None and time.monotonic() - self._start >= budget.seconds:
                    return self._summary("the budget of seconds is used up")
                part = [row for _, row in zip(range(room), left, strict=False)]
                if not part:
                    return self._summary(None)
                spent = self._keep(part, self._ask(part))
                if spent is not None:
                    return self._summary(str(spent))
        except KeyboardInterrupt:
            return self._summary("interrupted")

    def _left(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows that are to be asked."""
        taken: dict[str, str] = {}
        for id_, question in rows:
            key = question.key()
            known = taken.get(id_) or self._answers.question(id_)
            if known is None:
                taken[id_] = key
                yield id_, question
                continue
            same = key.startswith(known)
            require(
                same,
                f"id {id_!r}",
                "its answer, or another row, belongs to another question",
                "write to another file, or name it otherwise",
            )
            self._skipped += 1
            self._bar.update()

    def _ask(self, part: Sequence[Row]) -> list[_Found]:
        """In order; texts and choices are asked for apart."""
        found: dict[str, _Found] = {}
        asks = {id_: one for id_, one in part if isinstance(one, Ask)}
        chooses = {id_: one for id_, one in part if isinstance(one, Choose)}
        if asks:
            found |= zip(asks, self._model.complete(list(asks.values())), strict=True)
        if chooses:
            found |= zip(chooses, self._model.choose(list(chooses.values())), strict=True)
        answers = [found[id_] for id_, _ in part]
        down = next((one for one in answers if isinstance(one, UnavailableError)), None)
        if down is not None and not any(isinstance(one, Completion | Choice | AnswerError | BudgetError) for one in answers):
            raise down
        return answers

    def _keep(self, part: Sequence[Row], found: Sequence[_Found]) -> BudgetError | None:
        """Write what was answered and what was not. Returns the limit of spending if one was reached."""
        spent: BudgetError | None = None
        for (id_, question), answer in zip(part, found, strict=True):
            if isinstance(answer, BudgetError):
                spent = answer
            elif isinstance(answer, PenchantError):
                self._failures.add(id_, answer)
                self._failed += 1
            else:
                self._answers.add(id_, question, answer)
                self._done += 1
                self._read += answer.read
                self._written += answer.written
                self._cost += answer.cost
        self._answers.sync()
        self._failures.sync()
        self._bar.update(sum(not isinstance(one, BudgetError) for one in found), failed=self._failed, cost=self._cost)
        return spent

    def _summary(self, stopped: str | None) -> Summary:
        seconds = time.monotonic() - self._start
        return Summary(self._done, self._failed, self._skipped, seconds, self._read, self._written, self._cost, stopped)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = locked(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{path}", "another run writes it now", "wait for its end, or write to another file") from None
    try:
        yield
    finally:
        lock.release()
