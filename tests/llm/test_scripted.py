"""The fake keeps the rules that tests rely on."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError, UnavailableError
from penchant.llm.model import Ask, Choice, Choose, Completion, Message
from penchant.llm.scripted import Scripted

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def ask(text: str = "a b c", **more: object) -> Ask:
    return Ask((Message("user", text),), **more)  # type: ignore[arg-type]


def test_it_says_what_it_is_told_and_remembers_what_it_was_asked() -> None:
    down = UnavailableError("it", "is down", "wait")
    model = Scripted(["one two", down, "b"])
    assert model.complete([ask(), ask("x")]) == [Completion("one two", False, 3, 2), down]
    question = Choose((Message("user", "?"),), ("a", "b"))
    assert model.choose([question]) == [Choice(1, None, 1)]
    assert model.asked == [ask(), ask("x"), question]
    assert model.batches == [2, 1]


def test_texts_are_cut_at_words() -> None:
    model = Scripted(["one  two three", '{"n": 1}'])
    assert model.complete([ask(max_tokens=2)]) == [Completion("one  two ", True, 3, 2)]
    (short,) = model.complete([ask(schema=SCHEMA, max_tokens=1)])
    assert isinstance(short, AnswerError)


@pytest.mark.parametrize("text", ['{"n": "x"}', "no"])
def test_a_text_that_breaks_the_schema_is_an_error_of_the_script(text: str) -> None:
    with pytest.raises(InputError, match="script an answer that is valid"):
        Scripted([text]).complete([ask(schema=SCHEMA)])


@pytest.mark.parametrize("answer", ["c", Choice(2), Choice(-1), Choice(0, np.zeros(3))])
def test_a_choice_of_what_is_no_option_is_an_error_of_the_script(answer: str | Choice) -> None:
    with pytest.raises(InputError, match="script"):
        Scripted([answer]).choose([Choose((Message("user", "?"),), ("a", "b"))])


def test_a_script_ends_and_a_text_is_no_choice() -> None:
    with pytest.raises(InputError, match="question 1: the script has 0 answers"):
        Scripted([]).complete([ask()])
    with pytest.raises(InputError, match="script a text"):
        Scripted([Choice(0)]).complete([ask()])


def test_what_the_function_raises_passes() -> None:
    def interrupt(_: object) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Scripted(interrupt).complete([ask()])
