"""Runs over many rows: stopped anywhere, they go on there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.core.errors import AnswerError, BudgetError, DataError, InputError, PenchantError, UnavailableError
from penchant.core.storage import locked
from penchant.llm.batch import BatchBudget, Row, run
from penchant.llm.model import Ask, Choice, Choose, Message
from penchant.llm.scripted import Scripted

BAD = AnswerError("the answer", "it is empty", "ask again")
DOWN = UnavailableError("the server", "it does not answer", "start it")
SPENT = BudgetError("spend_limit=1", "it is reached", "raise it")


def rows(count: int) -> list[Row]:
    """Texts, and every third a choice."""
    return [
        (f"row {n} 🙂\n", Ask((Message("user", f"{n}"),)) if n % 3 else Choose((Message("user", f"{n}"),), ("ja", "nein")))
        for n in range(count)
    ]


def echo(question: Ask | Choose) -> str:
    return f"to {question.messages[-1].content}" if isinstance(question, Ask) else "nein"


def but(reasons: dict[str, PenchantError | type[BaseException]]) -> Any:
    """As ``echo``, but with these in the place of some answers."""

    def say(question: Ask | Choose) -> Any:
        reason = reasons.get(question.messages[-1].content)
        if isinstance(reason, type):
            raise reason
        return reason or echo(question)

    return say


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "topics.jsonl"


def failed(path: Path) -> list[dict[str, Any]]:
    beside = path.with_name("topics.failed.jsonl")
    return read(beside) if beside.exists() else []


def test_every_row_has_its_line_in_order(path: Path) -> None:
    summary = run(rows(7), Scripted(echo), path, chunk=3)
    lines = read(path)
    assert [line["id"] for line in lines] == [id_ for id_, _ in rows(7)]
    assert lines[1] | {"question": "", "model": ""} == {
        "id": "row 1 🙂\n", "question": "", "model": "", "text": "to 1", "cut": False, "read": 1, "written": 2, "cost": 0.0,
    }  # fmt: skip
    assert (lines[0]["option"], lines[0]["place"], lines[0]["scores"]) == ("nein", 1, None)
    assert (summary.done, summary.failed, summary.skipped, summary.stopped) == (7, 0, 0, None)
    assert (summary.read, summary.written, summary.cost, summary.cost_per_thousand) == (7, 8, 0.0, 0.0)
    assert summary.tokens_per_second > 0
    assert sorted(file.name for file in path.parent.iterdir()) == ["topics.jsonl", "topics.jsonl.lock"]


def test_costs_and_scores_are_written(path: Path) -> None:
    model = Scripted([Choice(1, np.array([float("-inf"), -0.5]), 3, 0.25, 2)])
    summary = run(rows(1), model, path)
    assert read(path)[0]["scores"] == [None, -0.5]
    assert (summary.cost, summary.cost_per_thousand, summary.read, summary.written) == (0.25, 250.0, 3, 2)


def test_nothing_at_all(path: Path) -> None:
    assert run([], Scripted([]), path).done == 0
    assert read(path) == []


def test_a_second_run_asks_nothing(path: Path) -> None:
    run(rows(7), Scripted(echo), path)
    before = path.read_bytes()
    model = Scripted([])
    summary = run(iter(rows(7)), model, path)
    assert (summary.skipped, summary.done, model.asked, path.read_bytes()) == (7, 0, [], before)


def test_rows_are_taken_when_they_are_needed(path: Path) -> None:
    taken: list[int] = []

    def lazily() -> Iterator[Row]:
        for number, row in enumerate(rows(100)):
            taken.append(number)
            yield row

    summary = run(lazily(), Scripted(echo), path, chunk=4, budget=BatchBudget(rows=10))
    assert (summary.done, len(taken), summary.stopped) == (10, 10, "the budget of rows is used up")
    assert run(rows(100), Scripted(echo), path, budget=BatchBudget(rows=0)).done == 0


def test_a_budget_of_seconds(path: Path) -> None:
    summary = run(rows(100), Scripted(echo), path, chunk=1, budget=BatchBudget(seconds=1e-9))
    assert (summary.done, summary.stopped) == (0, "the budget of seconds is used up")
    with pytest.raises(InputError):
        BatchBudget(seconds=0)


def test_what_failed_is_set_aside_and_asked_again(path: Path) -> None:
    summary = run(rows(6), Scripted(but({"1": BAD, "3": BAD, "4": DOWN})), path, chunk=6)
    assert (summary.done, summary.failed) == (3, 3)
    assert [(line["id"], line["error"]) for line in failed(path)] == [
        ("row 1 🙂\n", "AnswerError"), ("row 3 🙂\n", "AnswerError"), ("row 4 🙂\n", "UnavailableError"),
    ]  # fmt: skip
    assert failed(path)[0]["reason"] == str(BAD)
    again = Scripted(but({"3": BAD}))
    summary = run(rows(6), again, path)
    assert (summary.done, summary.failed, summary.skipped, len(again.asked)) == (2, 1, 3, 3)
    assert [line["id"] for line in failed(path)] == ["row 3 🙂\n"]
    run(rows(6), Scripted(echo), path, budget=BatchBudget(rows=0))
    assert len(failed(path)) == 1, "what was not asked again stays set aside"
    run(rows(6), Scripted(echo), path)
    assert failed(path) == []
    assert len(read(path)) == 6


def test_a_limit_of_spending_ends_the_run_and_fails_nothing(path: Path) -> None:
    summary = run(rows(9), Scripted(but({"4": SPENT, "5": SPENT})), path, chunk=3)
    assert (summary.done, summary.failed, summary.stopped) == (4, 0, str(SPENT))
    assert (len(read(path)), failed(path)) == (4, [])


def test_a_server_that_is_down_stops_the_job_and_blames_no_row(path: Path) -> None:
    say = but({"3": DOWN, "4": DOWN, "5": InputError("the prompt", "it is too long", "shorten it")})
    with pytest.raises(UnavailableError, match="start it"):
        run(rows(9), Scripted(say), path, chunk=3)
    assert (len(read(path)), failed(path)) == (3, [])
    assert run(rows(9), Scripted(echo), path).done == 6


def test_an_interruption_keeps_what_there_is(path: Path) -> None:
    summary = run(rows(9), Scripted(but({"7": KeyboardInterrupt, "1": BAD})), path, chunk=3)
    assert (summary.done, summary.failed, summary.stopped) == (5, 1, "interrupted")
    assert (len(read(path)), len(failed(path))) == (5, 1)


def test_what_else_goes_wrong_passes_and_keeps_what_there_is(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(rows(9), Scripted(but({"7": ZeroDivisionError})), path, chunk=3)
    assert len(read(path)) == 6


def test_an_id_asks_one_thing(path: Path) -> None:
    same, other = Ask((Message("user", "a"),)), Ask((Message("user", "b"),))
    summary = run([("x", same), ("x", same)], Scripted(echo), path)
    assert (summary.done, summary.skipped) == (1, 1)
    with pytest.raises(InputError, match="'x': its answer, or another row, belongs to another question"):
        run([("x", other)], Scripted(echo), path)
    with pytest.raises(InputError, match="another question"):
        run([("y", same), ("y", other)], Scripted(echo), path)


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", b'{"name": "x"}\n', b'{"id": 3}\n', b'{"id": "x"\n', b"precious", b'{"id": "a"}\nprecious']
)
def test_a_file_of_something_else_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(DataError, match="move this one away"):
        run(rows(2), Scripted(echo), path)
    assert path.read_bytes() == content


def test_a_file_has_answers_of_one_model(path: Path) -> None:
    run(rows(2), Scripted(echo, name="old"), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="answers of another model; write to another file"):
        run(rows(3), Scripted(echo, name="new"), path)
    assert path.read_bytes() == before


def test_two_runs_do_not_write_one_file(path: Path) -> None:
    with locked(path.with_name("topics.jsonl.lock")), pytest.raises(InputError, match="another run"):
        run(rows(2), Scripted(echo), path)
    with pytest.raises(InputError, match="chunk=0"):
        run(rows(2), Scripted(echo), path, chunk=0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), chunk=st.integers(1, 8))
def test_cut_at_any_byte_it_goes_on_and_ends_the_same(tmp_path: Path, data: st.DataObject, chunk: int) -> None:
    path = tmp_path / "topics.jsonl"
    path.unlink(missing_ok=True)
    run(rows(7), Scripted(echo), path, chunk=chunk)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    model = Scripted(echo)
    summary = run(rows(7), model, path, chunk=chunk)
    assert path.read_bytes() == whole
    assert summary.skipped == whole[:cut].count(b"\n")
    assert len(model.asked) == 7 - summary.skipped


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_list_of_failures_that_was_cut_loses_no_row(tmp_path: Path, data: st.DataObject) -> None:
    path, beside = tmp_path / "topics.jsonl", tmp_path / "topics.failed.jsonl"
    path.unlink(missing_ok=True)
    beside.unlink(missing_ok=True)
    run(rows(5), Scripted(but({"1": BAD, "2": BAD})), path)
    whole = beside.read_bytes()
    beside.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    assert run(rows(5), Scripted(echo), path).done == 2
    assert not beside.exists()
