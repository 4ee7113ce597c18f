"""Searches end where they say: exact ones equal exhaustive scoring for every head, and rows do not depend on each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.generative.decoding import Exact, Plain, Search
from penchant.models.generative.diverse import Diverse
from penchant.models.generative.sampled import Sampled
from penchant.ranking import exclude_, top_k
from tests.models.generative.worlds import check_lists, depth_head, left_out, may_come, parallel_head, tiger

SEARCHES = [Plain(1), Plain(7), Exact(1), Exact(7), Sampled(0.5), Sampled(2.0), Diverse(3, 0.0, 7), Diverse(4, 2.0, 1)]


def close(found: np.ndarray, scores: np.ndarray, every: torch.Tensor, k: int) -> bool:
    """Whether the lists score as those of exhaustive scoring: an item stands elsewhere only where scores are equal."""
    exact = top_k(every.clone(), k)
    own = every.gather(1, torch.from_numpy(found).long()).numpy()
    ranked = np.allclose(scores[:, :k], exact.scores[:, : scores.shape[1]], rtol=1e-4, atol=1e-4)
    return ranked and np.allclose(np.where(found > 0, own, -np.inf), scores, rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 150), k=st.integers(1, 12), search=st.sampled_from(SEARCHES), rows=st.integers(1, 3))
def test_every_search_gives_k_valid_items(seed: int, items: int, k: int, search: Search, rows: int) -> None:
    head, states = depth_head(seed, items, 3, 4), torch.randn(rows, 8)
    exclude, allowed = left_out(seed, items, rows)
    found, scores = head.best(states, k, exclude, torch.from_numpy(allowed), search=search)
    check_lists(found.numpy(), scores.numpy(), may_come(exclude, allowed), k)
    with torch.no_grad():
        own = head.chances(states, found).masked_fill(found == 0, -torch.inf)
    torch.testing.assert_close(scores, own, rtol=1e-4, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999), items=st.integers(1, 300), k=st.integers(1, 20), width=st.integers(1, 9), flat=st.booleans())
def test_exact_equals_exhaustive_scoring(seed: int, items: int, k: int, width: int, flat: bool) -> None:
    head, states = depth_head(seed, items, 3, 5, temperature=1.0 if flat else 0.1), torch.randn(4, 8)
    exclude, allowed = left_out(seed, items, 4)
    found, scores = head.best(states, min(k, items), exclude, torch.from_numpy(allowed), search=Exact(width))
    with torch.no_grad():
        every = exclude_(head.score(states), exclude).masked_fill(~torch.from_numpy(allowed), -torch.inf)
    assert close(found.numpy(), scores.numpy(), every, min(k, items))


def test_a_small_beam_misses_what_exact_finds() -> None:
    head, states = depth_head(3, 300, 3, 5, temperature=1.0), torch.randn(8, 8)
    plain, exact = (head.best(states, 10, search=search)[1].sum(dim=1) for search in (Plain(10), Exact(10)))
    assert bool((exact >= plain - 1e-4).all())
    assert bool((exact > plain + 1e-3).any())


@pytest.mark.parametrize("items", [50, 500, 5000])
def test_every_head_equals_exhaustive_scoring(items: int) -> None:
    states, k = torch.randn(3, 8), 20
    depth, parallel = depth_head(items, items, 3, 16), parallel_head(items, items, 4, 16)
    for head, options in ((depth, {"search": Exact(20)}), (depth, {"search": Plain(items)}), (parallel, {})):
        found, scores = head.best(states, k, **options)
        with torch.no_grad():
            every = head.score(states)
        every[:, 0] = -torch.inf
        assert close(found.numpy(), scores.numpy(), every, k)
    model, histories = tiger(items, codebook=24), Histories.of([[1, 2, 3], [], [50, 4]])
    generated = model.recommend(histories, k, search=Exact(20))
    assert close(generated.items, generated.scores, model.score(histories), k)


@pytest.mark.parametrize("k", [5, 20])
def test_scores_do_not_depend_on_the_batch(k: int) -> None:
    """Within 1e-5, of the score and by itself."""
    states = torch.randn(9, 8)
    for head, options in (
        (depth_head(1, 800, 3, 16), {"search": Exact(20)}),
        (depth_head(1, 800, 3, 16, beam=20), {}),
        (parallel_head(1, 800), {}),
    ):
        items, scores = head.best(states, k, **options)
        for rows in (slice(0, 1), slice(3, 5), slice(8, 9)):
            alone = head.best(states[rows], k, **options)
            torch.testing.assert_close(alone[1], scores[rows], rtol=1e-5, atol=1e-5)
            assert (alone[0] == items[rows]).float().mean() > 0.95  # but for equal scores
    model, histories = tiger(800, codebook=16), Histories.of([[1, 2, 3], [], [50, 4], [7] * 9])
    together = model.recommend(histories, k)
    for row in range(4):
        alone = model.recommend(histories.take(np.array([row])), k)
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-5, atol=1e-5)


def test_a_beam_of_nothing_is_refused() -> None:
    for search in (Plain, Exact, Diverse):
        with pytest.raises(InputError, match=r"width=0: a beam holds at least one prefix; pass width>=1"):
            search(width=0)
