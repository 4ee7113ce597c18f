"""Explanations as a claim: what each author's words are worth, and how checkers tell true sentences from edited ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.evaluate.facts import Statement, recall
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language import checkers
from penchant.recipes.language.factual_consistency import TINY, Author, build, measure
from tests.recipes.language.worlds import USERS, world


def liar(asked: Ask | Choose) -> str:
    """A true sentence, and an invented one."""
    found = re.search(r'rated "(.*?)" and often', asked.messages[-1].content)
    assert found
    return f"You rated {found[1].split(', ')[0]}. It won twelve prizes."


def measured(author: Author) -> dict[str, np.ndarray]:
    plain = build(world().lab(0), **TINY)
    return measure(replace(plain, model=Scripted(liar), author=author), world())


def test_the_template_is_borne_out_and_somebody_elses_is_not() -> None:
    own = measure(build(world().lab(0), **TINY), world())
    assert own["precision"].tolist() == [1.0] * USERS
    assert own["recall"].mean() > 0.5
    assert not own["wrong"].any()
    others = measured(Author.OTHERS)
    assert others["precision"].mean() < 0.7
    assert others["wrong"].mean() > 0.5


def test_what_is_dropped_was_wrong() -> None:
    free, dropped, checked = (measured(author) for author in (Author.MODEL, Author.DROPPED, Author.CHECKED))
    assert free["statements"].mean() == 2
    np.testing.assert_allclose(free["precision"], 0.5)
    assert dropped["precision"].tolist() == [1.0] * USERS
    assert dropped["statements"].tolist() == [1.0] * USERS
    np.testing.assert_allclose(dropped["recall"], free["recall"])
    assert checked["precision"].tolist() == [1.0] * USERS


def test_recall_counts_supported_facts() -> None:
    reference = {("had", "Heat"), ("attribute", "Crime")}
    assert recall([Statement("x", facts=(("interest", "Crime"),))], reference) == 0.5
    assert recall([Statement("x", "no", (("had", "Heat"),))], reference) == 0.0
    assert recall([], set()) == 1.0


class Letters:
    """Counts letters."""

    name, dim = "letters", 26

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        found = np.array([[text.lower().count(chr(97 + letter)) for letter in range(26)] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def fingerprint(self) -> str:
        return "letters"


def test_checkers_by_rules_and_by_a_model_that_reads() -> None:
    small = world()
    plain = checkers.build(small.lab(0), **checkers.TINY)
    assert (checkers.measure(plain, small)["told apart"] == 1.0).all()
    true = {text for text, _ in checkers.pairs(plain.grounds, small, 20)[0]}

    def knows(asked: Ask | Choose) -> Choice:
        said = re.search(r'Statement: "(.*)"\n', asked.messages[-1].content)
        assert said
        return Choice(0 if said[1] in true else 1)

    entailment = replace(plain, model=Scripted(knows), by=checkers.By.ENTAILMENT)
    assert (checkers.measure(entailment, small)["told apart"] == 1.0).all()
    others = replace(plain, model=Scripted(lambda _: "neither"), by=checkers.By.OTHERS)
    assert (checkers.measure(others, small)["told apart"] == 0.5).all()
    like = replace(plain, by=checkers.By.LIKENESS, encoder=Letters())
    assert len(checkers.measure(like, small)["told apart"]) == USERS


def test_a_checker_needs_what_it_goes_by() -> None:
    small = world()
    with pytest.raises(InputError, match="by='entailment' without a model"):
        checkers.build(small.lab(0), by="entailment", language=None)
    with pytest.raises(InputError, match="neither a model nor an encoder"):
        checkers.measure(replace(checkers.build(small.lab(0), **checkers.TINY), by=checkers.By.LIKENESS), small)
