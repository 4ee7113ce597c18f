"""The rubric: thin and shared descriptions, and twins among titles."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items.quality import Rubric

LONG = "Keeps loose paper together in every office and at every school."
SHARED = "An honest product of our own house, made with care for all of you, number {}!"


def catalog() -> Catalog:
    titles = ["Acme Stapler black", "Acme Stapler blue", "Acme Stapler black large", "Garden hose", "", "Pen", "Acme stapler, BLACK"]
    texts = [LONG, None, SHARED.format(1), SHARED.format(2).upper(), SHARED.format(3), "A pen. 12 34 56 78 90 12 34", LONG]
    return Catalog(pl.DataFrame({"item_id": [f"i{one}" for one in range(7)], "title": titles, "description": texts}))


def test_descriptions_are_poor_where_they_say_little_or_what_others_say() -> None:
    assert Rubric().poor(catalog()).tolist() == [False, False, True, True, True, True, True, False]
    assert Rubric(shared=2).poor(catalog())[[1, 7]].all(), "two of one text"


def test_twins_share_most_words_of_their_titles_and_no_item_is_its_own() -> None:
    twins = Rubric().twins(catalog())
    assert twins.of(np.array([1, 1, 1, 1, 1, 5]), np.array([1, 2, 3, 4, 7, 5])).tolist() == [False, False, True, False, True, False]
    beside = [twins.of(np.full(7, source), np.arange(1, 8)) for source in (1, 5)]
    assert (np.flatnonzero(beside[0]) + 1).tolist() == [3, 7]
    assert not beside[1].any(), "a title without words is like no other"
    assert Rubric(alike=0.5).twins(catalog()).of(np.array([1]), np.array([2])).all()


def test_limits_are_checked() -> None:
    with pytest.raises(InputError, match="shared=1"):
        Rubric(shared=1)
    with pytest.raises(InputError, match="alike=0"):
        Rubric(alike=0.0)
