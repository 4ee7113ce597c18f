"""Ratings by a chat model: prompts, expected values, means, and answers of no use."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language.chatgpt_ratings import TINY, Rater, build, expected, measure, read
from tests.recipes.language.worlds import USERS, world


def as_before(asked: Ask | Choose) -> str:
    """Answers with the first rating in the prompt, or with the middle."""
    found = re.search(r" with (\d)", asked.messages[-1].content)
    return found[1] if found else "3"


def rater(**settings: object) -> Rater:
    found = Rater(Scripted(as_before), shots=2, shuffled=False, free=False, calibrated=False, items=False, users=50, seed=0)
    return replace(found, **settings)  # type: ignore[arg-type]


def test_own_ratings_reach_the_prompt_and_the_answer_the_guess() -> None:
    values = measure(rater(), world())
    assert len(values["squared error"]) == USERS
    np.testing.assert_allclose(values["squared error"], 0.0, atol=1e-6)  # every user rates everything alike
    truth = 1.0 + np.arange(USERS) % 5
    np.testing.assert_allclose(measure(rater(shots=0), world())["absolute error"], np.abs(truth - 3.0), atol=1e-6)


def test_the_target_is_not_in_the_prompt() -> None:
    small = world()
    model = rater(shots=50)
    measure(model, small)
    titles = small.dataset.catalog.titles()
    assert isinstance(model.model, Scripted)
    for row, asked in enumerate(model.model.asked):
        told, _, question = asked.messages[-1].content.rpartition("How does")
        target = titles[int(small.split.test.items.items[row]) - 1]
        assert f'"{target}"' in question
        assert f'"{target}"' not in told
        assert told.count(" with ") == 5


def test_shuffled_ratings_are_the_same_ones() -> None:
    ours, shuffled = rater(shots=5), rater(shots=5, shuffled=True)
    measure(ours, world())
    measure(shuffled, world())
    assert isinstance(ours.model, Scripted)
    assert isinstance(shuffled.model, Scripted)
    for one, other in zip(ours.model.asked, shuffled.model.asked, strict=True):
        assert sorted(re.findall(r" with (\d)", one.messages[-1].content)) == sorted(re.findall(r" with (\d)", other.messages[-1].content))


def test_answers_of_no_use_count_as_the_middle() -> None:
    values = measure(rater(model=Scripted(lambda _: "I would say four"), free=True), world())
    assert not values["valid"].any()
    np.testing.assert_allclose(values["absolute error"], np.abs(1.0 + np.arange(USERS) % 5 - 3.0), atol=1e-6)
    failed = measure(rater(model=Scripted(lambda _: AnswerError("x", "refused", "ask again"))), world())
    assert not failed["valid"].any()
    assert measure(rater(model=Scripted(lambda _: "4"), free=True), world())["valid"].all()


def test_means_know_the_user() -> None:
    assert measure(build(world().lab(0), language=None), world())["absolute error"].max() < 0.3
    by_items = measure(build(world().lab(0), language=None, items=True), world())
    assert by_items["valid"].all()
    assert len(measure(build(world().lab(0), **TINY), world())["valid"]) == USERS


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", 4),
        (" 3.", 3),
        ("5/5", 5),
        ("2 out of 5", 2),
        ("on a scale of 1 to 5 it is 4", 4),
        ('The person rated "Seven 7 (1995)" with 4.', 4),
    ],
)
def test_one_number_outside_of_titles_is_read(text: str, number: int) -> None:
    assert read(text) == number


@pytest.mark.parametrize("text", ["", "6", "45", "four", "4 or 5", "3.5", '"4"', "rated 0", "from 1 to 5", "1-5 stars"])
def test_anything_else_is_no_number(text: str) -> None:
    assert np.isnan(read(text))


def test_the_expected_value_weighs_all_numbers() -> None:
    scores = np.log(np.array([[0.5, 1e-300, 1e-300, 1e-300, 0.5], [0.1, 0.1, 0.1, 0.1, 0.6]]))
    assert expected(scores).tolist() == pytest.approx([3.0, 4.0])


def test_calibration_takes_off_what_the_model_always_says() -> None:
    def ones(asked: Ask | Choose) -> Choice:
        """Mostly 1, whatever it reads."""
        return Choice(0, np.log(np.array([0.8, 0.05, 0.05, 0.05, 0.05])))

    raw = measure(rater(model=Scripted(ones)), world())
    fair = measure(rater(model=Scripted(ones), calibrated=True), world())
    assert fair["squared error"].mean() < raw["squared error"].mean()
    assert np.unique(fair["absolute error"].round(6)).size <= 5, "nothing is left but the shares"


def test_data_without_ratings_and_negative_counts_are_refused() -> None:
    with pytest.raises(InputError, match="data=small: ratings are predicted"):
        measure(rater(), world(ratings=False))
    with pytest.raises(InputError, match="shots=-1"):
        build(world().lab(0), shots=-1, language=None)
