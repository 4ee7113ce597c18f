"""Spacing holds wherever it can, and never loses an item it need not lose."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.catalog import Catalog
from penchant.pipeline.policy import PolicySettings, space_out, spacing_keys


def test_keys_are_brands_else_first_categories() -> None:
    catalog = Catalog(
        pl.DataFrame(
            {"item_id": list("abcd"), "brand": ["X", None, "X", None], "categories": [["k"], ["k", "m"], [], []]},
            schema_overrides={"brand": pl.String},
        )
    )
    keys = spacing_keys(catalog)
    assert keys[0] == 0
    assert keys[1] == keys[3] != keys[2]
    assert keys[4] == 0


def test_the_best_allowed_item_moves_up() -> None:
    keys = np.array([0, 1, 1, 1, 2, 1], np.int32)
    assert space_out([1, 2, 3, 4, 5], keys, PolicySettings(window=3, most=2), 5) == [0, 1, 3, 2, 4]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=25), st.integers(1, 5), st.integers(1, 3), st.integers(1, 25))
def test_a_rule_is_broken_only_when_nothing_else_is_left(drawn: list[int], window: int, most: int, k: int) -> None:
    keys = np.array([0, *drawn], np.int32)
    items = list(range(1, len(drawn) + 1))
    shown = space_out(items, keys, PolicySettings(window=window, most=most), k)
    assert len(shown) == len(set(shown)) == min(k, len(items))
    for place, chosen in enumerate(shown):
        near = [keys[items[one]] for one in shown[max(0, place - window + 1) : place]]
        waiting = set(range(len(items))) - set(shown[:place])
        free = [one for one in waiting if not keys[items[one]] or near.count(keys[items[one]]) < most]
        if free:
            assert chosen == min(free)
