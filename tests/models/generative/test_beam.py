"""Beam search over the trie equals exhaustive scoring, and closed prefixes never cost a place."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import ClosedPrefixes
from penchant.models.generative.depth import DepthHead, DepthSettings


def world(seed: int, items: int, levels: int, codebook: int) -> tuple[DepthHead, torch.Tensor]:
    """An untrained head of sharp preferences over random unique codes, and three states."""
    torch.manual_seed(seed)
    codes = unique_codes(np.random.default_rng(seed).integers(0, codebook, (items, levels)).astype(np.int32))
    padded = np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
    return DepthHead(padded, 8, DepthSettings(temperature=0.125, beam=1)).eval(), torch.randn(3, 8)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 120), levels=st.integers(1, 3), codebook=st.integers(1, 9))
def test_a_full_beam_equals_exhaustive_scoring(seed: int, items: int, levels: int, codebook: int) -> None:
    head, states = world(seed, items, levels, codebook)
    with torch.no_grad():
        found, scores = head.best(states, items)
        every = head.score(states)
    torch.testing.assert_close(scores, every.gather(1, found), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, every[:, 1:].sort(dim=1, descending=True).values, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, head.chances(states, found), rtol=1e-4, atol=1e-4)
    assert all(sorted(row.tolist()) == list(range(1, items + 1)) for row in found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(2, 120), width=st.integers(1, 20))
def test_w_allowed_items_come_back_when_they_exist(seed: int, items: int, width: int) -> None:
    head, states = world(seed, items, 2, 6)
    random = np.random.default_rng(seed)
    gone = [random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(3)]
    with torch.no_grad():
        found, scores = head.best(states, width, Histories.of(gone))
    for row, excluded in enumerate(gone):
        shown = found[row][torch.isfinite(scores[row])].tolist()
        assert not set(shown) & set(excluded.tolist())
        assert len(set(shown)) == len(shown) == min(width, items - len(excluded), found.shape[1])
        assert not found[row][len(shown) :].any()


def test_excluding_everything_for_everybody_gives_empty_lists() -> None:
    head, states = world(0, 5, 3, 3)
    found, scores = head.best(states, 4, Histories.of([[1, 2, 3, 4, 5]] * 3))
    assert not found.any()
    assert torch.isneginf(scores).all()


def test_a_prefix_closes_only_when_all_below_it_is_excluded() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 0]], np.int32)
    trie = CodeTrie(codes)
    closed = ClosedPrefixes(trie, Histories.of([[1, 1], [1, 2], [3]]))
    first, second = torch.tensor([1, 1, 1]), torch.tensor([2, 2, 2])  # the nodes of prefixes (0) and (1)
    rows = torch.arange(3)
    assert closed(rows, first).tolist() == [False, True, False]
    assert closed(rows, second).tolist() == [False, False, True]
