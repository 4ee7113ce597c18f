"""Chains of thought: what the model reads, what it is taught, and that what comes next never stands in its input."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError, UnavailableError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.users.situations import Situations, held_out
from penchant.users.thoughts import Mode, Thinker, lessons, template

CATALOG = Catalog(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d", "e"],
            "title": ["Alien", "Brazil", "Casino", "Dumbo", "Eden"],
            "category_names": [["Horror"], ["Comedy", "War"], ["War"], ["Comedy"], ["Horror", "War"]],
        }
    )
)
HISTORIES = Histories.of([[1, 2, 3], [4, 2, 1]], users=[1, 2])


def says(question: Ask | Choose) -> str | Choice:
    """Thinks of war where Brazil was newest, of nothing else where it was not; chooses what the thought names."""
    told = question.messages[-1].content
    if isinstance(question, Ask):
        return "War it is." if 'Newest: "Brazil' in told else "Who knows."
    scores = np.full(len(question.options), -3.0)
    if "War it is" in told:
        scores[question.options.index("War")] = -0.1
    elif "Who knows" in told:
        scores[question.options.index("Comedy")] = -0.1
    return Choice(int(scores.argmax()), scores)


def test_a_situation_tells_what_is_frequent_and_what_is_new() -> None:
    told = Situations(CATALOG)
    assert told.labels == ("Comedy", "Horror", "War")
    one = told.of(np.array([1, 3, 2]))
    assert one.long == "War, Horror, Comedy"
    assert one.newest == "Brazil (Comedy, War); Casino (War); Alien (Horror)"
    assert one.lately == "Comedy, War"
    assert told.weights(np.array([1, 3, 2])) == pytest.approx([1 / 6, 1 / 3, 1 / 2])
    assert told.wanted(2) == {0, 2}
    assert sum(told.shares(HISTORIES).values()) == pytest.approx(1)
    assert told.of(np.array([], np.int64)).long == "nothing yet"
    with pytest.raises(InputError, match="without categories"):
        Situations(Catalog(pl.DataFrame({"item_id": ["a"], "title": ["Alien"]})))


def test_the_newest_event_is_held_out_and_never_read() -> None:
    told, model = Situations(CATALOG), Scripted(says)
    known, after = held_out(HISTORIES)
    assert after.tolist() == [3, 1]
    situations = [told.of(known.row(row)) for row in range(len(known))]
    thinker = Thinker(model, told.shares(HISTORIES), samples=2)
    found = lessons(thinker, situations, [told.wanted(int(item)) for item in after], seed=0)
    titles = [CATALOG.titles()[item - 1] for item in after]
    read = [one.content for question in model.asked for one in question.messages]
    of_user = [[text for text in read if title in text] for title in titles]
    assert not of_user[0], "Casino is nobody's past"
    assert all('Newest: "Brazil' in text and "Dumbo" not in text for text in of_user[1]), "Alien is the other user's past alone"
    assert len(found.examples) == 2 * (found.own + found.guided)
    with pytest.raises(InputError, match="without events"):
        held_out(Histories.of([[1], []], users=[1, 2]))


def test_thoughts_that_led_to_the_label_are_taught_and_else_the_template() -> None:
    told = Situations(CATALOG)
    situations = [told.of(np.array(items)) for items in ([1, 2], [4], [3])]
    thinker = Thinker(Scripted(says), dict.fromkeys(told.labels, 1.0), samples=2)
    found = lessons(thinker, situations, [frozenset({2}), frozenset({1}), frozenset()], seed=0)
    assert (found.own, found.guided) == (2, 1), "both thoughts of the first user, none of the second, nothing of the third"
    answers = [one.answer for one in found.examples]
    assert answers == ["War it is.", "War", "War it is.", "War", template(situations[1], "Horror"), "Horror"]
    assert "Horror" not in found.examples[4].messages[-1].content, "a label is in the answer alone"
    assert answers[4] in found.examples[5].messages[-1].content
    with pytest.raises(InputError, match="samples=0"):
        lessons(Thinker(Scripted(says), dict.fromkeys(told.labels, 1.0), samples=0), situations, [frozenset()] * 3, 0)


def test_what_comes_next_is_the_mean_over_thoughts_and_agreement_is_told() -> None:
    told = Situations(CATALOG)
    thoughts = iter(["War it is.", "Who knows.", "War it is."])
    model = Scripted(lambda question: next(thoughts) if isinstance(question, Ask) else says(question))
    (found,) = Thinker(model, dict.fromkeys(told.labels, 1.0), samples=3).foresee([told.of(np.array([1]))], seed=5)
    assert found.thoughts == ("War it is.", "Who knows.", "War it is.")
    assert found.agreement == pytest.approx(2 / 3)
    assert [told.labels[place] for place in found.led] == ["War", "Comedy", "War"]
    assert found.chances.sum() == pytest.approx(1)
    assert found.chances.argmax() == told.labels.index("War")
    seeds = {one.seed for one in model.asked if isinstance(one, Ask)}
    assert len(seeds) == 3


def test_without_thoughts_the_model_chooses_at_once() -> None:
    told, model = Situations(CATALOG), Scripted(says)
    found = Thinker(model, dict.fromkeys(told.labels, 1.0), samples=0).foresee([told.of(np.array([1])), told.of(np.array([3]))], 0)
    assert [one.thoughts for one in found] == [one.led for one in found] == [(), ()]
    assert [one.agreement for one in found] == [1, 1]
    assert not any(isinstance(one, Ask) for one in model.asked)
    assert list(Mode) == ["plain", "unsupervised", "optimal", "sub-optimal"]


def test_an_unanswered_question_is_raised_and_not_counted_as_a_thought() -> None:
    told = Situations(CATALOG)
    down = UnavailableError("server", "it is down", "wait")
    with pytest.raises(UnavailableError):
        Thinker(Scripted(lambda one: down if isinstance(one, Ask) else says(one)), dict.fromkeys(told.labels, 1.0)).foresee(
            [told.of(np.array([1]))], 0
        )
    with pytest.raises(InputError, match="without likelihoods"):
        Thinker(Scripted(lambda one: "War it is." if isinstance(one, Ask) else "War"), dict.fromkeys(told.labels, 1.0)).foresee(
            [told.of(np.array([1]))], 0
        )
