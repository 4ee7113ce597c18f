"""The decoder-only network: one pass over a history is the same as one pass a prefix; beams equal exhaustive scoring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.contracts import Scorer
from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.models.generative.code_decoder import CodeDecoder, CodeDecoderSettings, Reading, causal
from penchant.models.generative.decoding import Exact, Plain, Search
from penchant.models.generative.diverse import Diverse
from penchant.models.generative.sampled import Sampled
from penchant.ranking import exclude_, top_k
from penchant.train.loop import Trainer
from tests.contracts.planted import NUM_ITEMS, PAIRS, codes, train_histories, training

SMALL = CodeDecoderSettings(width=16, layers=2, heads=2, inner=32, dropout=0.0, max_len=6)
HISTORIES = Histories.of([[1, 2, 3], [], [60, 4, 4, 9, 17, 33, 21]])


def made(items: int = 60, settings: CodeDecoderSettings = SMALL, levels: int = 3) -> CodeDecoder:
    torch.manual_seed(0)
    codes = unique_codes(np.random.default_rng(0).integers(0, 5, (items, levels)).astype(np.int32))
    model = CodeDecoder(np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes]), settings)
    for weight in model.parameters():  # as sharp as after training
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def test_it_is_a_scorer() -> None:
    assert isinstance(made(), Scorer)


def test_all_targets_of_a_history_at_once_are_the_same_as_each_prefix_alone() -> None:
    model = made()
    together = model.loss(collate(Histories.of([[5, 9, 2, 7], [3, 8]]))).total
    alone = []
    for prefix, target in (([], 5), ([5], 9), ([5, 9], 2), ([5, 9, 2], 7), ([], 3), ([3], 8)):
        alone.append(model.score(Histories.of([prefix]))[0, target] / model.levels)
    torch.testing.assert_close(together, -torch.stack(alone).mean(), rtol=1e-4, atol=1e-4)


def test_going_on_from_what_is_known_equals_reading_all_anew() -> None:
    model = made()
    lists, more = [[5, 9], [7, 3, 2]], torch.tensor([[11, 60], [4, 31]])  # two items to go on with, a row
    found = Reading(model, Histories.of(lists)).continued(model.codes[more].long()[..., :-1])
    for row, items in enumerate(lists):
        for which in range(2):
            x = model.tokens(torch.tensor([[0, *items, int(more[row, which])]]))[:, :-1]
            for block in model.blocks:
                x = block(x, causal(x.shape[1], x.device))
            expected = model.norm(x)[0, (1 + len(items)) * model.levels :]
            torch.testing.assert_close(found[row, which], expected, rtol=1e-4, atol=1e-4)


def test_a_window_that_was_cut_has_no_start_token() -> None:
    assert Reading(made(), Histories.of([[1, 2, 3, 4, 5, 6, 7, 8], [1, 2]])).place.tolist() == [5, 3]


@pytest.mark.parametrize("k", [1, 10, 60])
def test_a_full_beam_equals_exhaustive_scoring(k: int) -> None:
    model = made(settings=SMALL.but(beam=60))
    gone = Histories.of([[1, 2, 3], [], list(range(1, 50))])
    found = model.recommend(HISTORIES, k, exclude=gone)
    exact = top_k(exclude_(model.score(HISTORIES), gone), k)
    assert found.items.tolist() == exact.items.tolist()
    np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-4, atol=1e-4)


def test_an_exact_search_with_a_narrow_beam_equals_scoring_within_what_is_allowed() -> None:
    model = made(settings=SMALL.but(beam=1))
    allowed = np.arange(61) % 2 == 1
    found = model.recommend(HISTORIES, 5, allowed=allowed, search=Exact(2))
    scores = exclude_(model.score(HISTORIES), None).masked_fill(~torch.from_numpy(allowed), -torch.inf)
    assert found.items.tolist() == top_k(scores, 5).items.tolist()


@pytest.mark.parametrize("search", [Plain(3), Exact(3), Sampled(1.5), Diverse(3, 1.0, 6)])
def test_every_search_gives_k_items_of_its_own_scores(search: Search) -> None:
    model = made()
    found = model.recommend(HISTORIES, 9, search=search)
    assert all(len(set(row) - {0}) == 9 for row in found.items.tolist())
    own = model.score(HISTORIES).gather(1, torch.from_numpy(found.items).long()).numpy()
    np.testing.assert_allclose(own, found.scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("levels", [1, 2])
def test_probabilities_of_all_tuples_sum_to_one(levels: int) -> None:
    torch.manual_seed(0)
    grid = np.array([[first, second] for first in range(4) for second in range(5)], np.int32)
    grid = grid if levels == 2 else np.arange(20, dtype=np.int32)[:, None]
    model = CodeDecoder(np.concatenate([np.full((1, levels), -1), grid]).astype(np.int32), SMALL).eval()
    histories = Histories.of([[1, 2, 20], [], [5]])
    chances = model.score(histories)
    torch.testing.assert_close(chances.exp().sum(dim=1), torch.ones(3), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.score(histories, chunk=7), chances)


def test_rows_do_not_depend_on_each_other() -> None:
    model = made()
    together = model.score(HISTORIES)
    for row in range(3):
        torch.testing.assert_close(model.score(HISTORIES.take(np.array([row])))[0], together[row], rtol=1e-4, atol=1e-4)


def test_every_weight_takes_part() -> None:
    model = made().train()
    model.loss(collate(Histories.of([[1, 2, 3, 4], [9]]))).total.backward()
    unused = [name for name, weight in model.named_parameters() if weight.grad is None or not bool(weight.grad.abs().sum() > 0)]
    assert unused == []


def test_it_finds_the_planted_item_and_is_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = CodeDecoder(codes(), CodeDecoderSettings(width=64, layers=1, inner=128, dropout=0.0, max_len=12))
    Trainer(training(0).but(tokens=128, epochs=40)).fit(model, train_histories())
    begun = Histories.of([[NUM_ITEMS, 2 * pair + 1] for pair in range(PAIRS)])
    found = model.recommend(begun, 1, exclude=begun)
    assert (found.items[:, 0] == 2 * np.arange(PAIRS) + 2).mean() >= 0.9
    model.save(tmp_path / "d")
    again = CodeDecoder.load(tmp_path / "d").recommend(HISTORIES.take(np.array([0, 1])), 5)
    assert again.items.tolist() == model.recommend(HISTORIES.take(np.array([0, 1])), 5).items.tolist()


def test_a_list_longer_than_the_catalogue_is_refused() -> None:
    with pytest.raises(InputError, match=r"k=61: .*; pass 1<=k<=60"):
        made().recommend(HISTORIES, 61)
