"""Entailment by a language model: what it is told, and what its answers are worth."""

from __future__ import annotations

import numpy as np

from penchant.core.errors import AnswerError
from penchant.evaluate.entailment import LABELS, Entailment, facts
from penchant.evaluate.facts import Evidence
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted

EVIDENCE = Evidence(
    'Alien "3"', ("Horror", "Sci-Fi"), {f"Film {number}": frozenset({"rated", "watched"}) for number in range(20)}, ("Horror",)
)


def test_the_newest_facts_are_told_in_sentences_and_quoted() -> None:
    said = facts(EVIDENCE)
    assert said.startswith('"Alien \\"3\\"" is "Horror", "Sci-Fi".')
    assert 'You rated and watched "Film 19".' in said
    assert '"Film 7"' not in said
    assert said.endswith('You often choose "Horror".')
    assert facts(Evidence("Alien")) == ""


def test_scores_are_for_against_neither() -> None:
    def reads(asked: Ask | Choose) -> Choice | AnswerError:
        assert isinstance(asked, Choose)
        assert asked.options == LABELS
        said = asked.messages[-1].content
        if "broken" in said:
            return AnswerError("x", "refused", "ask again")
        place = 0 if '"It is Horror."' in said else 1
        return Choice(place) if "plain" in said else Choice(place, np.log(np.eye(3)[place] * 0.7 + 0.1))

    checker = Entailment(Scripted(reads))
    told = [("It is Horror.", EVIDENCE), ("It is War.", EVIDENCE), ("It is plain.", EVIDENCE), ("It is broken.", EVIDENCE)]
    np.testing.assert_allclose(checker.scores(told), [0.7, -0.7, -1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(checker.chances(told).sum(axis=1), 1.0)
