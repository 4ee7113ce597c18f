"""Thoughts are looked up sentence by sentence in what the user chose."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.data.catalog import Catalog
from penchant.users.categories import CategoryTree
from penchant.users.situations import Situations
from penchant.users.thought_check import ThoughtChecker
from penchant.users.thoughts import template

CATALOG = Catalog(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "title": ["Alien Rising", "Brazil Nights", "Casino Days"],
            "category_names": [["Horror"], ["Comedy", "War"], ["Western"]],
        }
    )
)
HISTORY = np.array([1, 2])


def wrong(thought: str) -> list[str]:
    """Why each sentence is not borne out."""
    checker = ThoughtChecker(CATALOG, CategoryTree.of(CATALOG))
    return [one.wrong for one in checker.check(thought, HISTORY)]


def test_what_the_user_chose_is_borne_out_and_nothing_else() -> None:
    assert wrong("The person often chooses Horror, so War comes next.") == [""]
    assert wrong('Lately it was "Brazil Nights", so it is Comedy.') == [""]
    assert wrong("Western comes next.") == ["'Western' is not among what the user chose"]
    assert wrong("The person likes Western.") == ["'Western' is not among the user's interests"]
    assert wrong("It is not Horror.") == ["'Horror' is among what the user chose"]
    assert wrong('They had "Casino Days" and Horror.') == ["the user did not have 'Casino Days'"]
    assert wrong("Horror comes next. A lonely wizard told me.") == ["", "nothing in it can be looked up"]
    assert wrong("The person, a retired dentist, often chooses Horror.") == ["nobody knows about retired, dentist"]


def test_half_of_a_sentence_is_marked_and_none_is_none() -> None:
    (cut,) = wrong("The person often chooses Horror, and War")
    assert cut.startswith("it was cut")
    assert wrong("") == []


def test_the_thoughts_of_the_template_are_borne_out() -> None:
    told = Situations(CATALOG)
    assert wrong(template(told.of(HISTORY), "War")) == [""]
