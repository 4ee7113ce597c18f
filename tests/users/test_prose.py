"""Portraits in a model's words: only categories of the person are named."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from penchant.core.errors import AnswerError, BudgetError, PenchantError, UnavailableError
from penchant.llm.model import Ask, Completion
from penchant.llm.scripted import Scripted
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Interest, Portrait
from penchant.users.prose import ProseWriter

TREE = CategoryTree(
    ("", "Music", "Jazz", "Blues", "Opera"), np.array([0, 0, 1, 1, 1], np.int32), sparse.csr_matrix((1, 5), dtype=np.float32)
)
JAZZ, MUSIC = Interest(2, ("Music", "Jazz"), 0.7), Interest(1, ("Music",), 0.9)
PORTRAIT = Portrait(9, None, short=(JAZZ,), long=(MUSIC, JAZZ), rare=(Interest(3, ("Music", "Blues"), 0.1),))


def written(*answers: str | PenchantError) -> list[str | None]:
    return ProseWriter(Scripted(list(answers)), TREE).write([PORTRAIT] * len(answers))


def test_sentences_that_the_portrait_bears_out_are_kept() -> None:
    assert written(
        "The person often chooses Jazz. The person likes Opera.",
        "You like Music, mostly Jazz, and now and then Blues.",
        "The person is a teacher from Ohio.",
        "The person doesn't like Jazz.",
    ) == ["The person often chooses Jazz.", "You like Music, mostly Jazz, and now and then Blues.", None, None]


def test_the_narrowest_interests_are_told_to_the_model() -> None:
    model = Scripted(["The person often chooses Jazz."])
    ProseWriter(model, TREE).write([PORTRAIT])
    (ask,) = model.asked
    assert isinstance(ask, Ask)
    assert '"Jazz"' in ask.messages[-1].content
    assert '"Blues"' in ask.messages[-1].content
    assert "Music" not in ask.messages[-1].content


def test_one_without_an_answer_has_none_and_a_server_that_is_down_ends_it() -> None:
    down = UnavailableError("server", "it is down", "start it")
    assert written(AnswerError("text", "it is empty", "ask again"), "The person often chooses Jazz.") == [
        None,
        "The person often chooses Jazz.",
    ]
    with pytest.raises(UnavailableError):
        written(down, down)


def test_a_question_that_always_fails_ends_nothing() -> None:
    useless = AnswerError("text", "it is empty", "ask again")
    assert written(useless) == [None]
    assert written(useless, useless) == [None, None]
    with pytest.raises(BudgetError):
        written(useless, BudgetError("2 euros", "the limit is reached", "raise it"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The person often chooses Jazz. You like Music", "The person often chooses Jazz."),
        ("The person often chooses Jazz. You like Music.", "The person often chooses Jazz. You like Music."),
        ("The person often chooses Jazz", None),
    ],
)
def test_half_a_sentence_is_dropped(text: str, kept: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted([])
    monkeypatch.setattr(model, "complete", lambda asks: [Completion(text, cut=True) for _ in asks])
    assert ProseWriter(model, TREE).write([PORTRAIT]) == [kept]
    assert written("You like Music") == ["You like Music"], "what was not cut may lack its full stop"
