"""Beam search over the trie equals exhaustive scoring, what is left out never costs a place, and its bound is true."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.histories import Histories
from penchant.models.generative.beam import Found, listed
from penchant.models.generative.decoding import Plain
from tests.models.generative.worlds import check_lists, depth_head, left_out, may_come


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 120), levels=st.integers(1, 3), codebook=st.integers(1, 9))
def test_a_full_beam_equals_exhaustive_scoring(seed: int, items: int, levels: int, codebook: int) -> None:
    head, states = depth_head(seed, items, levels, codebook), torch.randn(3, 8)
    found, scores = head.best(states, items)
    with torch.no_grad():
        every = head.score(states)
        torch.testing.assert_close(scores, head.chances(states, found), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, every.gather(1, found), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, every[:, 1:].sort(dim=1, descending=True).values, rtol=1e-4, atol=1e-4)
    assert all(sorted(row.tolist()) == list(range(1, items + 1)) for row in found)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 120), levels=st.integers(1, 3), k=st.integers(1, 20), rows=st.integers(1, 3))
def test_k_items_come_back_whenever_a_row_may_be_given_them(seed: int, items: int, levels: int, k: int, rows: int) -> None:
    head, states = depth_head(seed, items, levels), torch.randn(rows, 8)
    exclude, allowed = left_out(seed, items, rows)
    everything = np.ones(items + 1, bool)
    for gone, mask in ((exclude, allowed), (exclude, everything), (Histories.of([[]] * rows), allowed)):
        found, scores = head.best(states, k, gone, torch.from_numpy(mask))
        check_lists(found.numpy(), scores.numpy(), may_come(gone, mask), k)
    assert torch.equal(head.best(states, k, exclude)[0], head.best(states, k, exclude, torch.from_numpy(everything))[0])


def test_nothing_left_gives_empty_lists() -> None:
    head = depth_head(0, 5, 3, 3)
    everything, nothing = Histories.of([[1, 2, 3, 4, 5]] * 3), torch.zeros(6, dtype=torch.bool)
    for rows, exclude, allowed in ((3, everything, None), (3, None, nothing), (1, None, nothing)):
        items, scores = head.best(torch.randn(rows, 8), 4, exclude, allowed)
        shown = listed(items, scores, 4)
        assert shown.items.tolist() == [[0] * 4] * rows
        assert np.isneginf(shown.scores).all()


def test_no_rows() -> None:
    items, scores = depth_head(0, 5, 3, 3).best(torch.randn(0, 8), 4)
    assert listed(items, scores, 4).items.shape == (0, 4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 120), width=st.integers(1, 30), k=st.integers(1, 30))
def test_nothing_that_was_missed_is_above_the_bound(seed: int, items: int, width: int, k: int) -> None:
    head, states = depth_head(seed, items, 3, 4), torch.randn(3, 8)
    tasks: list[Found] = []
    exclude, allowed = left_out(seed, items, 3)
    head.best(states, 1, exclude, torch.from_numpy(allowed), search=lambda task, _: (tasks.append(task.beam(width)), (None, None))[1])  # type: ignore[arg-type]
    with torch.no_grad():
        every = head.score(states)
    certain, rounding = tasks[0].certified(k), 1e-4
    for row, good in enumerate(may_come(exclude, allowed)):
        found = [item for item in tasks[0].items[row].tolist() if item]
        missed = [float(every[row, item]) for item in good - set(found)]
        assert all(score <= float(tasks[0].bound[row]) + rounding for score in missed)
        best = sorted((float(every[row, item]) for item in good), reverse=True)[:k]
        listed_best = [float(every[row, item]) for item in found[:k]]
        if certain[row] and width >= k:
            np.testing.assert_allclose(listed_best, best, rtol=1e-4, atol=1e-4)
        elif len(found) < len(good):
            assert tasks[0].bound[row] > -torch.inf


def test_a_certificate_is_given_and_withheld() -> None:
    two = torch.tensor([[5, 3]])
    assert Found(two, torch.tensor([[-1.0, -3.0]]), torch.tensor([-2.0])).certified(1).tolist() == [True]
    assert Found(two, torch.tensor([[-1.0, -3.0]]), torch.tensor([-2.0])).certified(2).tolist() == [False]
    assert Found(two, torch.tensor([[-1.0, -torch.inf]]), torch.tensor([-torch.inf])).certified(2).tolist() == [True]


def test_lists_are_cut_in_the_order_of_the_search_and_shown_best_first() -> None:
    shown = listed(torch.tensor([[7, 4, 9]]), torch.tensor([[-3.0, -1.0, -0.5]]), 2)
    assert shown.items.tolist() == [[4, 7]]
    assert shown.scores.tolist() == [[-1.0, -3.0]]


def test_new_weights_are_decoded_anew() -> None:
    head, states = depth_head(0, 60, beam=60), torch.randn(2, 8)
    before = head.best(states, 10)[1]
    head.train()
    with torch.no_grad():
        head.embedding.table.weight.normal_()
    head.eval()
    found, scores = head.best(states, 10, search=Plain(60))
    assert not torch.allclose(before, scores)
    with torch.no_grad():
        torch.testing.assert_close(scores, head.chances(states, found), rtol=1e-4, atol=1e-4)
