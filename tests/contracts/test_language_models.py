"""What every language model does, whatever runs it.

A further one is one more name in ``model`` below: any that refuses prompts of 100,000 words, and names a text or a reason for all else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError, PenchantError
from penchant.llm.cache import Cached
from penchant.llm.local import LocalModel
from penchant.llm.model import Ask, Choice, Choose, Completion, LanguageModel, Message
from penchant.llm.schema import check_answer
from penchant.llm.scripted import Scripted
from penchant.llm.server import OpenAIServer, ServerSettings
from tests.llm.chat_server import chat_server, sample
from tests.llm.real_server import transformers_server

SECRET = "sk-0123456789-very-secret"
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "grün 🌱"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["colour", "count"],
    "additionalProperties": False,
}
PROMPTS = ["Name a colour.", "Wie heißt die Hauptstadt von Österreich?", "日本の首都は?", "What is 🙂 in a word?", "Name a fruit."]
OPTIONS = ("yes", "nein 🌱", "はい")

# Servers that cannot hold a model to a schema tell an AnswerError where a small model gets it wrong.
FREE = {"transformers"}


def obey(question: Ask | Choose) -> str:
    """What a script says to any question."""
    prompt = question.messages[-1].content
    if isinstance(question, Choose):
        return question.options[len(prompt) % len(question.options)]
    return f"I was asked: {prompt}" if question.schema is None else json.dumps(sample(question.schema, prompt))


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with transformers_server(tmp_path_factory.mktemp("serve")) as server:
        yield server


@pytest.fixture(params=["scripted", "cached", "local", "server", pytest.param("transformers", marks=pytest.mark.slow)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], LanguageModel]]:
    """Makes the same model, as often as wanted."""
    with ExitStack() as open_:

        def scripted() -> LanguageModel:
            return Scripted(obey)

        def cached() -> LanguageModel:
            return open_.enter_context(Cached(Scripted(obey), tmp_path / "answers.sqlite", chunk=2))

        def local() -> LanguageModel:
            return LocalModel(request.getfixturevalue("tiny_folder"), bf16=False)

        def server() -> LanguageModel:
            return open_.enter_context(OpenAIServer(ServerSettings(base_url=url, model=name, concurrency=3, longest_prompt=20_000), SECRET))

        if request.param == "server":
            url, name = open_.enter_context(chat_server()).url, "small"
        elif request.param == "transformers":
            url, name = request.getfixturevalue("real_server")
        yield {"scripted": scripted, "cached": cached, "local": local}.get(request.param, server)


@pytest.fixture
def model(make: Callable[[], LanguageModel]) -> LanguageModel:
    return make()


@pytest.fixture
def held(request: pytest.FixtureRequest) -> bool:
    """Whether an answer under a schema always comes."""
    return request.node.callspec.params["make"] not in FREE


def ask(prompt: str = "Name a colour.", **more: Any) -> Ask:
    return Ask((Message("user", prompt),), **{"max_tokens": 8, **more})


def choose(prompt: str, options: tuple[str, ...] = OPTIONS) -> Choose:
    return Choose((Message("system", f"Answer with one of: {', '.join(options)}."), Message("user", prompt)), options)


def test_it_keeps_the_contract_and_has_a_name(model: LanguageModel) -> None:
    assert isinstance(model, LanguageModel)
    assert model.name


def test_nothing_is_answered_by_nothing(model: LanguageModel) -> None:
    assert model.complete([]) == []
    assert model.choose([]) == []


def test_each_question_has_its_answer_in_order_and_the_same_again(make: Callable[[], LanguageModel]) -> None:
    """At temperature 0 a batch answers as single questions do, today and in another process."""
    together = make().complete([ask(prompt) for prompt in PROMPTS])
    other = make()
    apart = [other.complete([ask(prompt)])[0] for prompt in reversed(PROMPTS)]
    assert texts(together) == texts(apart)[::-1]


def test_duplicates_are_answered_alike(model: LanguageModel) -> None:
    first, second, third = texts(model.complete([ask("a"), ask("Name a fruit."), ask("a")]))
    assert first == third
    assert isinstance(second, str)


def test_a_text_is_no_longer_than_it_may_be(model: LanguageModel) -> None:
    (answer,) = model.complete([ask("Tell me a long story about a fox.", max_tokens=3)])
    assert isinstance(answer, Completion)
    assert answer.cut
    assert (answer.read > 0, 1 <= answer.written <= 3, answer.cost >= 0) == (True, True, True)


def test_a_text_is_valid_under_its_schema(model: LanguageModel, held: bool) -> None:
    answers = model.complete([ask(prompt, schema=SCHEMA, max_tokens=60) for prompt in PROMPTS[:3]])
    for answer in answers:
        if held or isinstance(answer, Completion):
            assert isinstance(answer, Completion), answer
            check_answer(answer.text, SCHEMA)
        else:
            assert isinstance(answer, AnswerError)


def test_an_object_that_was_cut_is_no_answer(model: LanguageModel) -> None:
    (answer,) = model.complete([ask(schema={"type": "array", "items": {"type": "string"}, "minItems": 90, "maxItems": 90}, max_tokens=2)])
    assert isinstance(answer, AnswerError)


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"properties": 3}, {"$ref": "http://127.0.0.1:9/elsewhere"}])
def test_a_bad_schema_is_told_in_its_place(model: LanguageModel, schema: dict[str, Any]) -> None:
    before, bad, after = model.complete([ask(), ask(schema=schema), ask()])
    assert isinstance(bad, InputError)
    assert isinstance(before, Completion)
    assert texts([before]) == texts([after])


def test_a_prompt_that_is_too_long_is_told_in_its_place(model: LanguageModel) -> None:
    before, bad, after = model.complete([ask(), ask("word " * 100_000), ask()])
    assert isinstance(bad, InputError)
    assert texts([before]) == texts([after])
    assert len(str(bad)) < 1_000, "it is not told the whole prompt"
    (bad_choice,) = model.choose([choose("word " * 100_000)])
    assert isinstance(bad_choice, InputError)


def test_a_choice_is_one_of_the_options(model: LanguageModel, held: bool) -> None:
    chooses = [choose(PROMPTS[0]), choose(PROMPTS[1], ("only this",)), choose(PROMPTS[2], ("a", 'b "c"', "a b"))]
    answers = model.choose(chooses)
    assert len(answers) == 3
    for question, answer in zip(chooses, answers, strict=True):
        if not held and isinstance(answer, AnswerError):
            continue
        assert isinstance(answer, Choice), answer
        assert 0 <= answer.option < len(question.options)
        if answer.scores is not None:
            assert (answer.scores.dtype, answer.scores.shape) == (np.float64, (len(question.options),))
            assert (answer.scores <= 1e-6).all(), "probabilities are not above 1"
            assert answer.option == answer.scores.argmax()


def test_choices_are_the_same_again(make: Callable[[], LanguageModel]) -> None:
    first, second = (make().choose([choose(prompt) for prompt in PROMPTS[:2]]) for _ in range(2))
    assert [getattr(one, "option", type(one)) for one in first] == [getattr(one, "option", type(one)) for one in second]


def test_fingerprints_are_stable_and_hold_no_secret(make: Callable[[], LanguageModel]) -> None:
    first, second = make(), make()
    mark = first.fingerprint()
    first.complete([ask()])
    assert mark == first.fingerprint() == second.fingerprint()
    assert SECRET not in mark
    assert 0 < len(mark) < 500


def texts(answers: list[Completion | PenchantError]) -> list[str | type]:
    return [answer.text if isinstance(answer, Completion) else type(answer) for answer in answers]
