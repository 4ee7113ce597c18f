"""What swapped words do is told against words that mean nothing, and after correction."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.users.bias import Facts
from penchant.users.swapped import swapped

INTERESTS = ("War", "Drama", "Romance", "Horror", "Crime", "Music")
PEOPLE = [Facts((name,), (f"A film of {name}",)) for name in ("War", "Drama", "Romance", "Horror")]
OTHERS = [Facts((name,), (f"A book of {name}",)) for name in INTERESTS]


def scripted(prejudice: float, colour: float = 0.0) -> Scripted:
    """Finds what a person often chooses; women are given romance and music in the place of what men are."""

    def said(asked: Ask | Choose) -> Choice:
        text = asked.messages[-1].content
        scores = np.array([3.0 * (f"of {name}" in text) for name in INTERESTS]) + np.linspace(0.3, 0, len(INTERESTS))
        scores[[2, 5] if "woman" in text else [0, 4]] += prejudice * ("old " in text)
        scores[5] += colour * ("red coat" in text)
        return Choice(int(scores.argmax()), scores)

    return Scripted(said)


def test_a_fair_model_changes_nothing() -> None:
    found = swapped(scripted(0.0), INTERESTS, PEOPLE, OTHERS)
    assert (found.words, found.colours, found.corrected, found.flags) == (0.0, 0.0, 0.0, [])


def test_prejudice_is_told_flagged_and_taken_off() -> None:
    model = scripted(5.0)
    found = swapped(model, INTERESTS, PEOPLE, OTHERS)
    assert found.words > 0.3
    assert found.colours == 0.0
    assert found.corrected < found.words / 4, "what words do to everybody alike is taken off, as far as chances add"
    assert len(found.flags) == len(PEOPLE)
    assert set(found.flags[0].gained) | set(found.flags[0].lost) >= {"Music", "Crime"}
    assert len(model.asked) == 8 * (len(PEOPLE) + len(OTHERS))


def test_words_that_mean_nothing_are_the_control() -> None:
    found = swapped(scripted(0.0, colour=5.0), INTERESTS, PEOPLE, OTHERS)
    assert found.words == 0.0
    assert found.colours > 0.1
    assert found.flags == []


@pytest.mark.parametrize(
    ("people", "others", "interests", "rule"),
    [([], OTHERS, INTERESTS, "somebody is looked at"), (PEOPLE, [], INTERESTS, "known by others"), (PEOPLE, OTHERS, ("A",), "3 are told")],
)
def test_what_cannot_be_compared_is_refused(people: list[Facts], others: list[Facts], interests: tuple[str, ...], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        swapped(scripted(0.0), interests, people, others)
