"""Merging by reciprocal ranks, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.contracts import TopK
from penchant.pipeline.merge import RANK_OFFSET, merge


def lists(*rows: list[int]) -> dict[str, TopK]:
    return {f"g{place}": TopK(np.array([row], np.int32), np.zeros((1, len(row)), np.float32)) for place, row in enumerate(rows)}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(1, 12), unique=True, max_size=8), min_size=1, max_size=4))
def test_equals_the_definition(rows: list[list[int]]) -> None:
    merged = merge(lists(*rows), {"g0": 2.0})
    expected: dict[int, float] = {}
    for place, row in enumerate(rows):
        for rank, item in enumerate(row, start=1):
            expected[item] = expected.get(item, 0.0) + (2.0 if place == 0 else 1.0) / (RANK_OFFSET + rank)
    assert dict(zip(merged.items.tolist(), merged.scores.tolist(), strict=True)) == pytest.approx(expected, rel=1e-5)
    assert (np.diff(merged.scores) <= 0).all()
    for place, item in enumerate(merged.items.tolist()):
        assert sorted(merged.sources(place)) == sorted(f"g{index}" for index, row in enumerate(rows) if item in row)


def test_empty_places_are_ignored_and_the_best_source_comes_first() -> None:
    merged = merge(lists([7, 3, 0, 0], [3, 9, 0, 0]), {})
    assert merged.items[0] == 3
    assert merged.sources(0) == ["g1", "g0"]
    assert 0 not in merged.items
