"""The parallel head: exact search equals exhaustive scoring; its losses are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.generative.parallel import CodeTable, ParallelHead, ParallelSettings
from penchant.models.generative.tokens import CodeEmbedding
from penchant.ranking import exclude_, top_k
from tests.models.generative.worlds import check_lists, left_out, may_come

KINDS = [ParallelSettings(), ParallelSettings(part=3), ParallelSettings(part=4, over_items=True, temperature=0.1)]


def head(kind: ParallelSettings, *, items: int = 60, levels: int = 3, codebook: int = 5, seed: int = 0) -> ParallelHead:
    torch.manual_seed(seed)
    codes = np.random.default_rng(seed).integers(0, codebook, (items + 1, levels)).astype(np.int32)
    made = ParallelHead(codes, 8, kind)
    for weight in made.parameters():  # the residual queries begin at zero
        torch.nn.init.normal_(weight)
    return made.eval()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    kind=st.sampled_from(KINDS),
    items=st.integers(1, 200),
    levels=st.integers(1, 5),
    codebook=st.integers(1, 9),
    places=st.integers(1, 30),
)
def test_the_scan_finds_what_exhaustive_scoring_ranks_first(
    seed: int, kind: ParallelSettings, items: int, levels: int, codebook: int, places: int
) -> None:
    made = head(kind, items=items, levels=levels, codebook=codebook, seed=seed)
    states = torch.randn(4, 8)
    random = np.random.default_rng(seed)
    gone = Histories.of([random.choice(items, random.integers(0, items + 1), replace=False) + 1 for _ in range(4)])
    found, scores = made.best(states, places, gone)
    every = exclude_(made.score(states).clone(), gone)
    exact = top_k(every, min(places, items))
    torch.testing.assert_close(scores, torch.from_numpy(exact.scores), rtol=1e-4, atol=1e-3)
    for row in range(4):
        for place, item in enumerate(found[row].tolist()):  # another item only where both score alike
            same = item == exact.items[row, place]
            assert same or abs(float(every[row, item]) - exact.scores[row, place]) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_only_allowed_items_are_scanned(kind: ParallelSettings) -> None:
    made = head(kind, items=80)
    states = torch.randn(4, 8)
    for seed in range(4):
        exclude, allowed = left_out(seed, 80, 4)
        found, scores = made.best(states, 15, exclude, torch.from_numpy(allowed))
        check_lists(found.numpy(), scores.numpy(), may_come(exclude, allowed), 15)
        every = exclude_(made.score(states), exclude).masked_fill(~torch.from_numpy(allowed), -torch.inf)
        torch.testing.assert_close(scores, torch.from_numpy(top_k(every, 15).scores), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_log_probabilities_of_codes(kind: ParallelSettings) -> None:
    made = head(kind, items=300)
    made.codes = torch.cat([torch.zeros(1, 3, dtype=torch.long), torch.cartesian_prod(*(torch.arange(size) for size in made.sizes))])
    states = torch.randn(2, 8)
    every = made.score(states)[:, 1:]
    torch.testing.assert_close(every.exp().sum(dim=1), torch.ones(2), rtol=1e-4, atol=1e-4)
    items = torch.tensor([[1, 7], [3, 3]])
    torch.testing.assert_close(made.chances(states, items), every.gather(1, items - 1), rtol=1e-5, atol=1e-5)


def test_the_loss_a_level_is_the_mean_of_cross_entropies() -> None:
    made = head(ParallelSettings(temperature=0.5))
    states, targets = torch.randn(4, 8), torch.tensor([1, 2, 3, 60])
    expected = -made.chances(states, targets[:, None]).mean() / 3
    torch.testing.assert_close(made.loss(states, targets), expected)


def test_the_loss_over_items_is_a_softmax_over_the_catalogue() -> None:
    made = head(ParallelSettings(part=4, over_items=True, temperature=0.1))
    states, targets = torch.randn(4, 8), torch.tensor([1, 2, 3, 60])
    cosines = made.queries(states).flatten(1) @ CodeTable(made).all()[1:].T
    torch.testing.assert_close(CodeTable(made).all().norm(dim=1), torch.ones(61))
    torch.testing.assert_close(CodeTable(made).some(targets), CodeTable(made).all()[targets])
    torch.testing.assert_close(made.loss(states, targets), F.cross_entropy(cosines / 0.1, targets - 1), rtol=1e-4, atol=1e-4)
    apart = made.score(states)[:, 1:] - cosines / 0.1  # the same ranking: they differ by a constant a row
    torch.testing.assert_close(apart, apart[:, :1].expand_as(apart), rtol=1e-3, atol=1e-3)


def test_heads_begin_as_the_state_and_share_the_given_embedding() -> None:
    embedding = CodeEmbedding([5, 5, 5], 8)
    codes = np.random.default_rng(0).integers(0, 5, (61, 3)).astype(np.int32)
    made = ParallelHead(codes, 8, embedding=embedding)
    assert made.embedding is embedding
    states = torch.randn(2, 8)
    torch.testing.assert_close(made.queries(states), F.normalize(states, dim=1)[:, None].expand(-1, 3, -1))
    assert ParallelHead(codes, 8, ParallelSettings(part=2), embedding=embedding).embedding is not embedding


def test_levels_of_unequal_size() -> None:
    codes = np.array([[0, 0], [0, 0], [1, 3], [1, 1], [0, 2]], np.int32)
    made = ParallelHead(codes, 8).eval()
    found, _ = made.best(torch.randn(1, 8), 4)
    assert sorted(found[0].tolist()) == [1, 2, 3, 4]
    assert torch.isneginf(made.logits(made.queries(torch.randn(1, 8)), made.vectors())[0, 0, 2:]).all()


def test_new_weights_are_searched_anew() -> None:
    made = head(KINDS[1])
    states = torch.randn(1, 8)
    before = made.best(states, 5)[0].tolist()
    made.load_state_dict(head(KINDS[1], seed=5).state_dict() | {"codes": made.codes})
    assert made.best(states, 5)[0].tolist() != before


def test_bad_settings() -> None:
    codes = np.array([[0], [0], [256]], np.int32)
    with pytest.raises(InputError, match="codebook=257"):
        ParallelHead(codes, 8)
    with pytest.raises(InputError, match="pass part"):
        ParallelHead(codes[:2], 8, ParallelSettings(over_items=True))
    with pytest.raises(InputError, match="codes of shape"):
        ParallelHead(codes[:1], 8)
