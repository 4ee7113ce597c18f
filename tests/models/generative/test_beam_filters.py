"""A prefix is closed exactly when no item below it may come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam_filters import ClosedPrefixes, allowed_items
from tests.models.generative.worlds import left_out, may_come, random_codes


def test_a_prefix_closes_only_when_all_below_it_is_left_out() -> None:
    trie = CodeTrie(np.array([[0, 0], [0, 1], [1, 0]], np.int32))
    exclude, rows = Histories.of([[1, 1], [1, 2], [3]]), torch.arange(3)
    first, second = torch.tensor([1, 1, 1]), torch.tensor([2, 2, 2])  # the nodes of prefixes (0) and (1)
    closed = ClosedPrefixes(trie, exclude, None)
    assert closed(rows, first).tolist() == [False, True, False]
    assert closed(rows, second).tolist() == [False, False, True]
    closed = ClosedPrefixes(trie, exclude, torch.tensor([False, True, False, True]))  # item 2 is not in stock
    assert closed(rows, first).tolist() == [True, True, False]
    assert closed(rows, second).tolist() == [False, False, True]
    assert ClosedPrefixes.of(trie, Histories.of([[], []]), None) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 80), levels=st.integers(1, 3), by=st.sampled_from(["rows", "all", "both"]))
def test_all_nodes_equal_counting_one_by_one(seed: int, items: int, levels: int, by: str) -> None:
    trie = CodeTrie(random_codes(seed, items, levels, 4)[1:])
    exclude, allowed = left_out(seed, items, 3)
    if by == "rows":
        allowed[:] = True
    if by == "all":
        exclude = Histories.of([[]] * 3)
    closed = ClosedPrefixes(trie, exclude, None if by == "rows" else torch.from_numpy(allowed))
    paths = trie.path(np.arange(1, items + 1))
    for row, good in enumerate(may_come(exclude, allowed)):
        left = set(paths[np.array(sorted(good), int) - 1].ravel().tolist()) | ({0} if good else set())
        nodes = torch.arange(1, trie.num_nodes)
        expected = [int(node) not in left for node in nodes]
        assert closed(torch.full_like(nodes, row), nodes).tolist() == expected


@pytest.mark.parametrize("wrong", [np.ones(5, bool), np.ones(6, np.int64), np.ones((6, 1), bool)])
def test_a_mask_of_another_shape_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"allowed of shape .*each of 5 items.*; pass bool\[6\]"):
        allowed_items(wrong, 5)
    assert allowed_items(None, 5) is None
