"""Who is interested in something."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from penchant.core.errors import InputError, UnknownIdError
from penchant.data.catalog import Catalog
from penchant.users.categories import CategoryTree
from penchant.users.interest_index import InterestIndex, Layer, category_of
from penchant.users.portrait_shares import Shares, shares
from tests.users.test_portrait import MADE, TREE, crowd

SIZE = len(TREE) + 1
SHARES = [0.0, 0.25, 0.5, np.float32(0.7), 1.0]
WEIGHTS = arrays.arrays(np.float32, st.tuples(st.integers(1, 8), st.just(SIZE)), elements=st.sampled_from(SHARES))


@given(weights=WEIGHTS, category=st.integers(1, len(TREE)), least=st.sampled_from([0.0, 0.25, 0.3, 0.7, 1.0]))
def test_a_look_up_is_what_reading_all_portraits_finds(weights: np.ndarray, category: int, least: float) -> None:
    index = InterestIndex.of(TREE, [Shares(weights, weights[::-1], np.zeros_like(weights))])
    for layer, table in ((Layer.SHORT, weights), (Layer.LONG, weights[::-1])):
        column = table[:, category]
        expected = sorted(
            (row for row in range(len(column)) if column[row] > 0 and column[row] >= np.float32(least)), key=lambda row: (-column[row], row)
        )
        found = index.find(category, layer, least=least)
        assert [one.row for one in found] == expected
        assert [one.weight for one in found] == [column[row] for row in expected]
        assert index.find(category, layer, least=least, limit=1) == found[:1]
    assert index.find(category, Layer.POTENTIAL) == []


def test_categories_are_meant_by_name_or_by_path() -> None:
    tea = category_of(TREE, "tea")
    assert TREE.path(tea) == ("Food", "Tea")
    assert category_of(TREE, "Food / Tea") == tea
    odd = CategoryTree.of(Catalog(pl.DataFrame({"item_id": ["a", "b"], "categories": [["GROCERY", "BREAD/BUNS"], ["GROCERY", "MILK"]]})))
    assert odd.path(category_of(odd, "Bread/Buns")) == odd.path(category_of(odd, "grocery / bread/buns")) == ("GROCERY", "BREAD/BUNS")
    with pytest.raises(UnknownIdError, match="use one such as Food / Tea"):
        category_of(TREE, "Tee")


def test_only_categories_there_are_can_be_asked_for() -> None:
    index = InterestIndex.of(TREE, [shares(MADE, crowd())], [Layer.LONG])
    assert index.find(category_of(TREE, "Tea"))
    with pytest.raises(InputError, match="category=0"):
        index.find(0)
    with pytest.raises(InputError, match="the index has long"):
        index.find(1, Layer.SHORT)


def test_rows_that_come_one_by_one_are_those_of_all() -> None:
    whole = InterestIndex.of(TREE, [shares(MADE, crowd())])
    single = InterestIndex.of(TREE, (shares(MADE, crowd().take(np.array([row]))) for row in range(len(crowd()))))
    for layer in Layer:
        for category in range(1, len(TREE) + 1):
            found = single.find(category, layer)
            assert [one.row for one in found] == [one.row for one in whole.find(category, layer)]
