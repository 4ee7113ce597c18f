"""Tandem: its heads, its inputs, and what it keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.retrievers import CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings, time_gaps
from penchant.ranking import exclude_, top_k

SMALL = TandemSettings(width=16, heads=2, layers=1)
HEADS = {
    "depth": DepthSettings(beam=300),
    "parallel": ParallelSettings(),
    "parallel, over items": ParallelSettings(part=4, over_items=True, temperature=0.07),
}


def made(settings: TandemSettings, items: int = 300) -> Tandem:
    torch.manual_seed(0)
    codes = unique_codes(np.random.default_rng(0).integers(0, 6, (items, 3)).astype(np.int32))
    padded = np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
    vectors = np.random.default_rng(1).normal(size=(items + 1, 8)).astype(np.float32)
    return Tandem(padded, vectors, np.ones(items + 1), settings).eval()


@pytest.mark.parametrize("head", HEADS)
def test_it_generates_what_exhaustive_scoring_ranks_first(head: str) -> None:
    model = made(SMALL.but(code_head=HEADS[head]))
    histories = Histories.of([[1, 2, 3], [], [299]])
    found = CodeRetriever(model).recommend(histories, 20)
    with torch.no_grad():
        exact = top_k(exclude_(model.code_head.score(model.states(histories)), None), 20)
    assert found.items.tolist() == exact.items.tolist()
    np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_both_heads_learn(head: str) -> None:
    model = made(SMALL.but(code_head=HEADS[head])).train()
    from_batch = collate(Histories.of([[1, 2, 3, 4], [7, 8], [299, 1, 5]]))
    losses = model.loss(from_batch)
    losses.total.backward()
    assert set(losses.terms) == {"next_item", "codes"}
    assert all(weight.grad is not None and bool(weight.grad.abs().sum() > 0) for name, weight in model.code_head.named_parameters())


def test_a_head_without_weight_is_left_out() -> None:
    batch = collate(Histories.of([[1, 2, 3, 4], [7, 8], [299, 1, 5]]))
    assert set(made(SMALL.but(dense_weight=0.0)).loss(batch).terms) == {"codes"}
    assert set(made(SMALL.but(code_weight=0.0)).loss(batch).terms) == {"next_item"}


def test_without_weight_both_heads_rank_as_the_dense_one() -> None:
    model = made(SMALL, items=30)
    histories = Histories.of([[1, 2, 3], [], [29]])
    both = TandemRetriever(model, weight=0.0).recommend(histories, 10, exclude=histories)
    assert both.items.tolist() == model.recommend(histories, 10, exclude=histories).items.tolist()


def test_time_gaps_are_powers_of_two_of_seconds() -> None:
    times = torch.tensor([[0, 1000, 1000, 1001, 1000 + 86_400, 10**12]])
    assert time_gaps(times).tolist() == [[0, 0, 0, 1, 16, 31]]


@pytest.mark.parametrize("inputs", [(True, False, False), (False, True, False), (False, False, True), (False, True, True)])
def test_any_input_can_be_left_out(inputs: tuple[bool, bool, bool]) -> None:
    ids, codes, vectors = inputs
    model = made(SMALL.but(with_ids=ids, with_codes=codes, with_vectors=vectors))
    assert (model.tokens.ids is not None, model.tokens.embedding is not None, model.tokens.project is not None) == inputs
    assert model.recommend(Histories.of([[1, 2]]), 5).items.all()
    if not ids:  # then an item is known by its content alone
        rows = model.tokens.all()
        model.tokens.counts.zero_()
        assert torch.equal(model.tokens.all(), rows)


def test_tokens_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="switch one on"):
        made(SMALL.but(with_ids=False, with_codes=False, with_vectors=False))


def test_the_code_head_may_have_codes_of_its_own(tmp_path: Path) -> None:
    codes = np.array([[-1], [0], [1], [2], [3]], np.int32)
    own = np.array([[-1, -1], [0, 1], [0, 1], [1, 0], [1, 1]], np.int32)  # two items share all codes
    settings = SMALL.but(code_head=ParallelSettings(part=4, over_items=True))
    model = Tandem(codes, np.zeros((5, 3), np.float32), np.ones(5), settings, head_codes=own).eval()
    histories = Histories.of([[1], [4, 2]])
    found = CodeRetriever(model).recommend(histories, 4)
    assert sorted(found.items[0]) == [1, 2, 3, 4]
    scores = dict(zip(found.items[0].tolist(), found.scores[0].tolist(), strict=True))
    assert scores[1] == scores[2]
    CodeRetriever(model).save(tmp_path / "m")
    again = CodeRetriever.load(tmp_path / "m").recommend(histories, 4)
    assert again.items.tolist() == found.items.tolist()
