"""A small model learns what a large one answered, and what it learnt is told of answers that it did not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.core.errors import InputError
from penchant.llm.distil import distil, examples_of
from penchant.llm.local import LocalModel
from penchant.llm.lora import Example, LoraSettings
from penchant.llm.model import Ask, Choice, Choose, Completion, Message

WORDS = ("fox", "dog", "cat", "hen", "owl", "bee", "ant", "cow", "elk", "rat")
OPTIONS = ("war", "drama")
SETTINGS = LoraSettings(steps=30, batch=2, learning_rate=2e-2, seed=3)


def told(word: str) -> tuple[Message, ...]:
    return (Message("user", f"a film of a {word}"),)


def test_examples_are_questions_with_their_answers() -> None:
    rows = [("one", Choose(told("fox"), OPTIONS)), ("two", Ask(told("dog"))), ("three", Ask(told("cat"))), ("four", Ask(told("hen")))]
    answers = {"one": Choice(1), "two": Completion("It barks."), "three": Completion("It me", cut=True)}
    assert examples_of(rows, answers) == [Example(told("fox"), "drama"), Example(told("dog"), "It barks.")]


def test_held_answers_become_likelier_and_the_folder_is_a_model(tiny: LocalModel, tmp_path: Path) -> None:
    examples = [Example(told(word), "drama") for word in WORDS]
    done = distil(tiny, examples, tmp_path / "taught", SETTINGS)
    assert (done.learnt, done.held) == (8, 2)
    assert done.after < done.before - 0.5
    asked = [Choose(told(word), OPTIONS) for word in WORDS]
    found = [one.option for one in LocalModel(tmp_path / "taught").choose(asked) if isinstance(one, Choice)]
    assert found == [1] * len(WORDS)


@pytest.mark.parametrize(("count", "held"), [(0, 0.2), (1, 0.2), (4, 1.0)])
def test_too_few_answers_are_refused(tiny: LocalModel, tmp_path: Path, count: int, held: float) -> None:
    with pytest.raises(InputError):
        distil(tiny, [Example(told("fox"), "war")] * count, tmp_path / "taught", SETTINGS, held=held)
    assert not (tmp_path / "taught").exists()
