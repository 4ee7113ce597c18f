"""Exact top-k: equal to a full sort, with the stated rule for ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.ranking import check_request, exclude_, tie_order, top_k


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 6), items=st.integers(1, 30), levels=st.integers(1, 4), data=st.data())
def test_equals_a_full_sort_with_many_ties(rows: int, items: int, levels: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, items))
    seed = data.draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    scores = random.integers(0, levels, (rows, items + 1)).astype(np.float32)
    gone = random.random((rows, items + 1)) < 0.3
    gone[:, 0] = True
    scores[gone] = -np.inf
    found = top_k(torch.from_numpy(scores.copy()), k)
    ties = tie_order(items)
    for row in range(rows):
        order = np.lexsort((ties, -scores[row]))[:k]
        expected = np.where(np.isneginf(scores[row][order]), 0, order)
        assert found.items[row].tolist() == expected.tolist()
        assert (np.diff(found.scores[row]) <= 0).all() or np.isneginf(found.scores[row]).any()


def test_ties_do_not_follow_catalogue_order() -> None:
    found = top_k(exclude_(torch.zeros(1, 1001), None), 100)
    assert 350 < found.items.mean() < 650


def test_exclusions_and_padding_never_show() -> None:
    scores = exclude_(torch.arange(6.0).repeat(2, 1), Histories.of([[5, 4], []]))
    found = top_k(scores, 5)
    assert found.items.tolist() == [[3, 2, 1, 0, 0], [5, 4, 3, 2, 1]]
    assert np.isneginf(found.scores[0, 3:]).all()


@pytest.mark.parametrize(("k", "said"), [(0, "k=0: .*; pass 1<=k<=5"), (6, "k=6: .*; pass 1<=k<=5")])
def test_k_outside_the_catalogue_is_refused(k: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_request(Histories.of([[1]]), k, 5, None)


def test_foreign_codes_and_wrong_rows_are_refused() -> None:
    with pytest.raises(InputError, match=r"item codes 1..9: known codes are 1..5"):
        check_request(Histories.of([[1, 9]]), 1, 5, None)
    with pytest.raises(InputError, match="exclude has 2 rows"):
        check_request(Histories.of([[1]]), 1, 5, Histories.of([[1], []]))
