"""Beam search over the trie equals exhaustive scoring, and closed prefixes never cost a place."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import ClosedPrefixes, TrieTensors, beam_search
from penchant.models.generative.depth import CodeEmbedding, DepthDecoder
from penchant.models.generative.retrievers import TandemRetriever, generate
from penchant.models.generative.tandem import Tandem, TandemSettings, time_gaps
from penchant.ranking import exclude_, top_k


def world(seed: int, items: int, levels: int, codebook: int) -> tuple[np.ndarray, DepthDecoder, torch.Tensor]:
    """Random unique codes, an untrained decoder of sharp preferences, and three states."""
    torch.manual_seed(seed)
    codes = unique_codes(np.random.default_rng(seed).integers(0, codebook, (items, levels)).astype(np.int32))
    decoder = DepthDecoder(CodeEmbedding((codes.max(axis=0) + 1).tolist(), 8), 8, scale=8.0)
    return codes, decoder.eval(), torch.randn(3, 8)


def search(
    codes: np.ndarray, decoder: DepthDecoder, states: torch.Tensor, width: int, exclude: Histories | None
) -> tuple[torch.Tensor, torch.Tensor]:
    embedding = decoder.codes
    return beam_search(
        TrieTensors(CodeTrie(codes)),
        states,
        decoder.log_probs,
        lambda chosen, level: embedding.table(chosen + embedding.starts[level]),
        width=width,
        exclude=exclude,
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 120), levels=st.integers(1, 3), codebook=st.integers(1, 9))
def test_a_full_beam_equals_exhaustive_scoring(seed: int, items: int, levels: int, codebook: int) -> None:
    codes, decoder, states = world(seed, items, levels, codebook)
    with torch.no_grad():
        found, scores = search(codes, decoder, states, items, None)
        every = decoder.item_log_probs(states, torch.from_numpy(codes).long()[None])
    padded = torch.cat([torch.full((3, 1), -torch.inf), every], dim=1)
    torch.testing.assert_close(scores, padded.gather(1, found), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores, every.sort(dim=1, descending=True).values, rtol=1e-4, atol=1e-4)
    assert all(sorted(row.tolist()) == list(range(1, items + 1)) for row in found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(2, 120), width=st.integers(1, 20))
def test_w_allowed_items_come_back_when_they_exist(seed: int, items: int, width: int) -> None:
    codes, decoder, states = world(seed, items, 2, 6)
    random = np.random.default_rng(seed)
    gone = [random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(3)]
    with torch.no_grad():
        found, scores = search(codes, decoder, states, width, Histories.of(gone))
    for row, excluded in enumerate(gone):
        shown = found[row][torch.isfinite(scores[row])].tolist()
        assert not set(shown) & set(excluded.tolist())
        assert len(set(shown)) == len(shown) == min(width, items - len(excluded), found.shape[1])
        assert not found[row][len(shown) :].any()


def test_a_prefix_closes_only_when_all_below_it_is_excluded() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 0]], np.int32)
    trie = TrieTensors(CodeTrie(codes))
    closed = ClosedPrefixes(trie, Histories.of([[1, 1], [1, 2], [3]]))
    first, second = torch.tensor([1, 1, 1]), torch.tensor([2, 2, 2])  # the nodes of prefixes (0) and (1)
    rows = torch.arange(3)
    assert closed(rows, first).tolist() == [False, True, False]
    assert closed(rows, second).tolist() == [False, False, True]


def test_tandem_generates_what_exhaustive_scoring_ranks_first() -> None:
    torch.manual_seed(0)
    codes = unique_codes(np.random.default_rng(0).integers(0, 6, (300, 3)).astype(np.int32))
    padded = np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
    model = Tandem(
        padded, np.random.default_rng(1).normal(size=(301, 8)).astype(np.float32), np.ones(301), TandemSettings(width=16, heads=2, layers=1)
    ).eval()
    with torch.no_grad():
        states = model.states(Histories.of([[1, 2, 3], [], [299]]))
        found, _ = generate(model, states, 300, None)
        every = model.decoder.item_log_probs(states, torch.from_numpy(codes).long()[None])
    exact = top_k(exclude_(torch.cat([torch.zeros(3, 1), every], dim=1), None), 20)
    assert found[:, :20].tolist() == exact.items.tolist()


def test_without_weight_both_heads_rank_as_the_dense_one() -> None:
    torch.manual_seed(0)
    codes = np.concatenate([[[-1, -1]], [[place // 6, place % 6] for place in range(30)]]).astype(np.int32)
    model = Tandem(
        codes, np.random.default_rng(1).normal(size=(31, 8)).astype(np.float32), np.ones(31), TandemSettings(width=16, heads=2)
    ).eval()
    histories = Histories.of([[1, 2, 3], [], [29]])
    both = TandemRetriever(model, weight=0.0).recommend(histories, 10, exclude=histories)
    assert both.items.tolist() == model.recommend(histories, 10, exclude=histories).items.tolist()


def test_time_gaps_are_powers_of_two_of_seconds() -> None:
    times = torch.tensor([[0, 1000, 1000, 1001, 1000 + 86_400, 10**12]])
    assert time_gaps(times).tolist() == [[0, 0, 0, 1, 16, 31]]
