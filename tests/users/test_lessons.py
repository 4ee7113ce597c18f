"""Lessons of users' histories: who is drawn, which labels they have, and what ends it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.users.lessons import SUPERVISED, lessons_of
from penchant.users.situations import Situations
from penchant.users.thoughts import Lessons, Mode, Thinker

CATALOG = Catalog(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": ["Alien", "Brazil", "Casino", "Dumbo"],
            "category_names": [["Horror"], ["Comedy"], ["War"], None],
        },
        schema_overrides={"category_names": pl.List(pl.String)},
    )
)
TOLD = Situations(CATALOG)


def horror(question: Ask | Choose) -> str | Choice:
    """Sees horror everywhere."""
    if isinstance(question, Ask):
        return "Horror comes next."
    return Choice(question.options.index("Horror"), np.array([0.0 if one == "Horror" else -5.0 for one in question.options]))


def made(mode: Mode, histories: Histories, learners: int = 10, seed: int = 0) -> tuple[Lessons, Scripted]:
    model = Scripted(horror)
    thinker = Thinker(model, dict.fromkeys(TOLD.labels, 1.0), samples=1)
    return lessons_of(histories, TOLD, thinker, mode, learners, seed), model


def labels(found: Lessons) -> list[str]:
    return [one.answer for one in found.examples[1::2]]


def test_labels_are_what_came_next_or_what_is_chosen_most() -> None:
    histories = Histories.of([[1, 1, 2], [2, 2, 1], [3]], users=[1, 2, 3])
    best, model = made(Mode.OPTIMAL, histories)
    assert labels(best) == ["Comedy", "Horror"], "who has one event is left out"
    assert (best.own, best.guided) == (1, 1)
    read = [one.messages[-1].content for one in model.asked if isinstance(one, Ask)]
    assert ["Brazil" in text for text in read] == [False, True]
    assert ["Alien" in text for text in read] == [True, False]
    assert labels(made(Mode.SUB_OPTIMAL, histories)[0]) == ["Horror", "Comedy"]
    assert SUPERVISED == (Mode.OPTIMAL, Mode.SUB_OPTIMAL)


def test_the_seed_decides_who_is_drawn() -> None:
    histories = Histories.of([[1, 2, 3]] * 4 + [[2, 3, 1]] * 4, users=range(1, 9))
    drawn = [labels(made(Mode.OPTIMAL, histories, 3, seed)[0]) for seed in range(6)]
    assert all(len(one) == 3 for one in drawn)
    assert len({tuple(one) for one in drawn}) > 1
    assert drawn[2] == labels(made(Mode.OPTIMAL, histories, 3, 2)[0])


def test_what_cannot_be_learnt_from_is_told() -> None:
    long = Histories.of([[1, 2]], users=[1])
    for mode in (Mode.PLAIN, Mode.UNSUPERVISED):
        with pytest.raises(InputError, match=f"mode={mode}: nothing is taught in it"):
            made(mode, long)
    with pytest.raises(InputError, match="2 users: none of them has two events"):
        made(Mode.OPTIMAL, Histories.of([[1], [2]], users=[1, 2]))
    with pytest.raises(InputError, match="1 users: what came next has no category"):
        made(Mode.OPTIMAL, Histories.of([[1, 4]], users=[1]))
    with pytest.raises(InputError, match="what they chose has no category"):
        made(Mode.SUB_OPTIMAL, Histories.of([[4, 1]], users=[1]))
