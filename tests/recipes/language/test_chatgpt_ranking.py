"""Direct ranking by a chat model: candidates, orders, places, and what ranks without a model."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError
from penchant.llm.model import Ask, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language.chatgpt_ranking import CANDIDATES, TINY, By, Chooser, Told, build, candidates, measure
from tests.recipes.language.worlds import ITEMS, USERS, world


def first_listed(asked: Ask | Choose) -> str:
    """Answers with whatever stands first in the list."""
    found = re.search(r'The list: "([^"]+)"', asked.messages[-1].content)
    assert found
    return found[1]


def chooser(answer: object = first_listed, **settings: object) -> Chooser:
    model = Scripted(answer)  # type: ignore[arg-type]
    found = Chooser(model, By.CHANCE, Told.OWN, shots=3, orders=2, users=50, seed=0, counts=np.zeros(ITEMS + 1), vectors=None)
    return replace(found, **settings)  # type: ignore[arg-type]


def targets() -> np.ndarray:
    return world().split.test.items.items


def test_candidates_are_the_target_and_what_the_user_never_takes() -> None:
    small = world()
    found = candidates(small.dataset.histories, small.split.test.items.users, targets(), small.dataset.catalog.titles())
    assert found.shape == (USERS, CANDIDATES)
    assert (np.sort(found, axis=1)[:, 1:] != np.sort(found, axis=1)[:, :-1]).all()
    for row, target in enumerate(targets().tolist()):
        assert set(found[row].tolist()) & set(small.dataset.histories.row(row).tolist()) == {target}
    assert len({int(place) for place in (found == targets()[:, None]).argmax(axis=1)}) > 3, "the target stands anywhere"


def test_a_model_that_knows_wins_and_one_that_goes_by_places_is_found_out() -> None:
    titles = world().dataset.catalog.titles()
    known = [titles[int(code) - 1] for code in targets() for _ in range(2)]
    assert (measure(chooser(known), world())["hit@1"] == 1.0).all()
    by_place = measure(chooser(), world())
    assert (by_place["first places"] == 1.0).all()
    assert by_place["hit@1"].mean() < 0.5


@pytest.mark.parametrize("told", list(Told))
def test_whose_history_is_told(told: Told) -> None:
    model, small = chooser(told=told, orders=1), world()
    measure(model, small)
    assert isinstance(model.model, Scripted)
    titles = small.dataset.catalog.titles()
    for row, asked in enumerate(model.model.asked):
        history = asked.messages[-1].content.partition("The list:")[0]
        own = [titles[int(code) - 1] in history for code in small.split.test.histories.last(3).row(row)]
        assert all(own) is (told is Told.OWN)
        assert bool(history) is (told is not Told.NONE)


def test_orders_differ_and_the_first_ones_stay() -> None:
    one, two = chooser(orders=1), chooser(orders=2)
    measure(one, world())
    measure(two, world())
    assert isinstance(one.model, Scripted)
    assert isinstance(two.model, Scripted)
    assert two.model.asked[::2] == one.model.asked
    assert all(first.messages != second.messages for first, second in zip(two.model.asked[::2], two.model.asked[1::2], strict=True))


def test_without_an_answer_all_are_alike() -> None:
    values = measure(chooser(lambda _: AnswerError("x", "refused", "ask again")), world())
    assert values["hit@1"].mean() < 0.5


def test_rankings_without_a_model() -> None:
    for by in (By.CHANCE, By.POPULARITY):
        values = measure(build(world().lab(0), by=by, **TINY), world())
        assert {name: len(one) for name, one in values.items()} == dict.fromkeys(("hit@1", "ndcg@10", "first places"), USERS)
    vectors = np.eye(ITEMS + 1, dtype=np.float32)
    vectors[targets()] += 2 * vectors[world().split.test.histories.last(3).items[2::3]]
    like = chooser(model=None, by=By.LIKENESS, vectors=vectors)
    assert measure(like, world())["ndcg@10"].mean() > 0.5


def test_counts_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="shots=0, orders=2"):
        build(world().lab(0), shots=0, language=None)
