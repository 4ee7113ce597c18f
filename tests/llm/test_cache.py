"""Answers that are kept: asked for once, found again whole, and never taken for something else."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.core.errors import AnswerError, ArtifactError, InputError, PenchantError, StorageError, UnavailableError
from penchant.llm.cache import Cached
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.scripted import Scripted

OPTIONS = ("red", "grün 🌱", "blue")


def ask(text: str, **more: float) -> Ask:
    return Ask((Message("user", text),), **more)  # type: ignore[arg-type]


def choose(text: str) -> Choose:
    return Choose((Message("user", text),), OPTIONS)


def echo(question: Ask | Choose) -> str:
    return f"to {question.messages[-1].content}" if isinstance(question, Ask) else OPTIONS[len(question.messages[-1].content) % 3]


class Priced(Scripted):
    """Every answer costs 2."""

    def complete(self, asks: Sequence[Ask]) -> list[Completion | PenchantError]:
        found = super().complete(asks)
        return [Completion(a.text, a.cut, a.read, a.written, 2.0) if isinstance(a, Completion) else a for a in found]


def texts(answers: Sequence[Completion | PenchantError]) -> list[str]:
    return [answer.text if isinstance(answer, Completion) else type(answer).__name__ for answer in answers]


def test_only_what_is_missing_is_asked_in_one_batch(tmp_path: Path) -> None:
    inner = Priced(echo)
    with Cached(inner, tmp_path / "new" / "answers.sqlite") as model:
        first = model.complete([ask("a"), ask("b"), ask("a")])
        second = model.complete([ask("c"), ask("b"), ask("c"), ask("a")])
    assert texts(first) == ["to a", "to b", "to a"]
    assert texts(second) == ["to c", "to b", "to c", "to a"]
    assert [a.cost for a in [*first, *second] if isinstance(a, Completion)] == [2, 2, 0, 2, 0, 0, 0]
    assert [(a.read, a.written) for a in second if isinstance(a, Completion)] == [(1, 2)] * 4
    assert inner.batches == [2, 1]
    assert (model.hits, model.misses) == (4, 3)
    assert (model.name, model.fingerprint()) == (inner.name, inner.fingerprint())


def test_another_process_or_day_finds_them_too(tmp_path: Path) -> None:
    with Cached(Scripted(echo), tmp_path / "a.sqlite") as model:
        model.complete([ask("a")])
        model.choose([choose("aa")])
    inner = Scripted([])
    with Cached(inner, tmp_path / "a.sqlite") as model:
        assert texts(model.complete([ask("a")])) == ["to a"]
        assert model.choose([choose("aa")]) == [Choice(2, None, 1)]
    assert inner.asked == []


def test_another_model_or_question_has_answers_of_its_own(tmp_path: Path) -> None:
    with Cached(Scripted(echo, name="one"), tmp_path / "a.sqlite") as model:
        model.complete([ask("a")])
    other = Scripted(echo, name="two")
    with Cached(other, tmp_path / "a.sqlite") as model:
        model.complete([ask("a"), ask("a", max_tokens=3), ask("a", temperature=1.0), ask("a", temperature=1.0, seed=2)])  # type: ignore[arg-type]
    assert len(other.asked) == 4


def test_reasons_are_not_kept(tmp_path: Path) -> None:
    bad = AnswerError("the answer", "it is empty", "ask again")
    inner = Scripted(["to a", bad, "to b"])
    with Cached(inner, tmp_path / "a.sqlite") as model:
        assert model.complete([ask("a"), ask("b"), ask("b")]) == [Completion("to a", False, 1, 2), bad, bad]
        assert texts(model.complete([ask("a"), ask("b")])) == ["to a", "to b"]


def test_an_interrupted_run_keeps_what_it_has(tmp_path: Path) -> None:
    def until(question: Ask | Choose) -> str:
        if question.messages[-1].content == "7":
            raise KeyboardInterrupt
        return echo(question)

    with Cached(Scripted(until), tmp_path / "a.sqlite", chunk=3) as model, pytest.raises(KeyboardInterrupt):
        model.complete([ask(str(place)) for place in range(10)])
    inner = Scripted(echo)
    with Cached(inner, tmp_path / "a.sqlite", chunk=3) as model:
        assert texts(model.complete([ask(str(place)) for place in range(10)])) == [f"to {place}" for place in range(10)]
    assert [one.messages[-1].content for one in inner.asked] == ["6", "7", "8", "9"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answers SET answer = CAST('[\"other\",false,1,2]' AS BLOB)",
        "UPDATE answers SET answer = x'00ff'",
        "UPDATE answers SET answer = 'text'",
        "UPDATE answers SET answer = 3",
        "UPDATE answers SET sum = sum + 1",
        "UPDATE answers SET sum = 'x'",
    ],
)
def test_a_spoilt_entry_is_asked_again_and_mended(tmp_path: Path, damage: str) -> None:
    inner = Scripted(echo)
    with Cached(inner, tmp_path / "a.sqlite") as model:
        model.complete([ask("a")])
        model.choose([choose("b")])
    with sqlite3.connect(tmp_path / "a.sqlite") as file:
        file.execute(damage)
    file.close()
    with Cached(inner, tmp_path / "a.sqlite") as model:
        for _ in range(2):
            assert texts(model.complete([ask("a")])) == ["to a"]
            assert model.choose([choose("b")]) == [Choice(1, None, 1)]
    assert len(inner.asked) == 4


def test_files_that_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("something else entirely, and long enough for a header of SQLite" * 20)
    with pytest.raises(ArtifactError, match="delete it"):
        Cached(Scripted([]), tmp_path / "text")
    with sqlite3.connect(tmp_path / "other") as file:
        file.execute("CREATE TABLE theirs (x)")
    file.close()
    with pytest.raises(ArtifactError, match="another program"):
        Cached(Scripted([]), tmp_path / "other")
    Cached(Scripted([]), tmp_path / "newer").close()
    with sqlite3.connect(tmp_path / "newer") as file:
        file.execute("PRAGMA user_version = 2")
    file.close()
    with pytest.raises(ArtifactError, match="newer Penchant"):
        Cached(Scripted([]), tmp_path / "newer")
    with pytest.raises(InputError, match="chunk=0"):
        Cached(Scripted([]), tmp_path / "chunk", chunk=0)


def test_a_closed_file_refuses(tmp_path: Path) -> None:
    model = Cached(Scripted(echo), tmp_path / "a.sqlite")
    model.close()
    with pytest.raises(StorageError):
        model.complete([ask("a")])


def test_scores_come_back_to_the_last_bit(tmp_path: Path) -> None:
    scores = np.array([-0.1, -1e-300, float("-inf")])
    with Cached(Scripted([Choice(0, scores, 3, written=4)]), tmp_path / "a.sqlite") as model:
        model.choose([choose("a")])
        (again,) = model.choose([choose("a")])
    assert isinstance(again, Choice)
    assert again.scores is not None
    assert again.scores.tobytes() == scores.tobytes()
    assert (again.option, again.read, again.written, again.cost) == (0, 3, 4, 0.0)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.lists(st.text(st.characters(codec=None), max_size=40), max_size=8))
def test_any_text_comes_back_as_it_was(tmp_path: Path, told: list[str]) -> None:
    inner = Scripted(lambda question: question.messages[-1].content)
    with Cached(inner, tmp_path / "a.sqlite") as model:
        first = model.complete([ask(text) for text in told])
        assert model.complete([ask(text) for text in told]) == first
        assert texts(first) == told


def test_many_threads_share_a_file(tmp_path: Path) -> None:
    inner, wrong = Scripted(echo), []
    models = [Cached(inner, tmp_path / "a.sqlite", chunk=5) for _ in range(2)]

    def work(number: int) -> None:
        for start in range(0, 60, 20):
            names = [str((place + number) % 60) for place in range(start, start + 20)]
            if texts(models[number % 2].complete([ask(name) for name in names])) != [f"to {name}" for name in names]:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {one.messages[-1].content for one in inner.asked} == {str(place) for place in range(60)}


def fill(path: Path, start: int) -> None:
    with Cached(Scripted(echo), path, chunk=4) as model:
        model.complete([ask(str(place)) for place in range(start, start + 40)])


def test_several_processes_share_a_file(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn")
    processes = [context.Process(target=fill, args=(tmp_path / "a.sqlite", start)) for start in (0, 20, 40)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with Cached(Scripted([]), tmp_path / "a.sqlite") as model:
        assert texts(model.complete([ask(str(place)) for place in range(80)])) == [f"to {place}" for place in range(80)]


def test_a_second_run_takes_next_to_no_time(tmp_path: Path) -> None:
    """A small model on this machine gives some 20 answers a second; kept ones come 500 times as fast, even on a busy machine."""
    asks = [ask(f"Which topic has the product number {place}? Its description is long. " * 4) for place in range(5_000)]
    with Cached(Scripted(echo), tmp_path / "a.sqlite") as model:
        model.complete(asks)
    inner = Scripted([UnavailableError("it", "is down", "wait")])
    with Cached(inner, tmp_path / "a.sqlite") as model:
        best = 0.0
        for _ in range(3):
            started = time.perf_counter()
            answers = model.complete(asks)
            best = max(best, len(asks) / (time.perf_counter() - started))
    assert all(isinstance(answer, Completion) for answer in answers)
    assert best > 10_000, f"{best:.0f} answers a second"
