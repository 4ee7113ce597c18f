"""TIGER: one pass over a history is the same as one pass a prefix; beams equal exhaustive scoring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.items.collisions import unique_codes
from penchant.models.generative.decoding import Exact, Plain, Search
from penchant.models.generative.diverse import Diverse
from penchant.models.generative.sampled import Sampled
from penchant.models.generative.tiger import Tiger, TigerSettings
from penchant.ranking import exclude_, top_k
from tests.models.generative.worlds import check_lists, left_out, may_come

SMALL = TigerSettings(width=16, layers=2, heads=2, inner=32, dropout=0.0, max_len=6)
HISTORIES = Histories.of([[1, 2, 3], [], [60, 4, 4, 9, 17, 33, 21]])


def made(items: int = 60, settings: TigerSettings = SMALL) -> Tiger:
    torch.manual_seed(0)
    codes = unique_codes(np.random.default_rng(0).integers(0, 5, (items, 3)).astype(np.int32))
    model = Tiger(np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes]), settings)
    for weight in model.parameters():  # as sharp as after training
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.3)
    return model.eval()


def test_all_targets_of_a_history_at_once_are_the_same_as_each_prefix_alone() -> None:
    model = made()
    batch = collate(Histories.of([[5, 9, 2, 7], [3, 8]]))
    together = model.loss(batch).total
    alone = []
    for prefix, target in (([], 5), ([5], 9), ([5, 9], 2), ([5, 9, 2], 7), ([], 3), ([3], 8)):
        alone.append(model.score(Histories.of([prefix]))[0, target] / model.levels)
    torch.testing.assert_close(together, -torch.stack(alone).mean(), rtol=1e-4, atol=1e-4)


def test_what_comes_later_is_not_seen() -> None:
    model = made()
    items = torch.tensor([[0, 5, 9, 2]])
    other = torch.tensor([[0, 5, 9, 7]])
    torch.testing.assert_close(model.encode(items)[:, : 3 * model.levels], model.encode(other)[:, : 3 * model.levels])
    assert not torch.allclose(model.encode(items)[:, -1], model.encode(other)[:, -1])


@pytest.mark.parametrize("k", [1, 10, 60])
def test_a_full_beam_equals_exhaustive_scoring(k: int) -> None:
    model = made(settings=SMALL.but(beam=60))
    gone = Histories.of([[1, 2, 3], [], list(range(1, 50))])
    found = model.recommend(HISTORIES, k, exclude=gone)
    exact = top_k(exclude_(model.score(HISTORIES), gone), k)
    assert found.items.tolist() == exact.items.tolist()
    np.testing.assert_allclose(found.scores, exact.scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("search", [Plain(3), Exact(3), Sampled(1.5), Diverse(3, 1.0, 6)])
def test_every_search_gives_k_allowed_items(search: Search) -> None:
    model = made()
    for seed in range(3):
        exclude, allowed = left_out(seed, 60, 3)
        found = model.recommend(HISTORIES, 9, exclude=exclude, allowed=allowed, search=search)
        check_lists(found.items, found.scores, may_come(exclude, allowed), 9)
        own = model.score(HISTORIES).gather(1, torch.from_numpy(found.items).long()).numpy()
        np.testing.assert_allclose(np.where(found.items > 0, own, -np.inf), found.scores, rtol=1e-4, atol=1e-4)


def test_probabilities_of_all_tuples_sum_to_one() -> None:
    torch.manual_seed(0)
    grid = np.array([[first, second] for first in range(4) for second in range(5)], np.int32)
    model = Tiger(np.concatenate([[[-1, -1]], grid]).astype(np.int32), SMALL).eval()
    histories = Histories.of([[1, 2, 20], [], [5]])
    chances = model.score(histories)
    torch.testing.assert_close(chances.exp().sum(dim=1), torch.ones(3), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.score(histories, chunk=7), chances)


def test_rows_do_not_depend_on_each_other() -> None:
    model = made()
    together = model.score(HISTORIES)
    for row in range(3):
        torch.testing.assert_close(model.score(HISTORIES.take(np.array([row])))[0], together[row], rtol=1e-4, atol=1e-4)


def test_it_learns_and_is_saved(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = made().train()
    batch = collate(Histories.of([[1, 2, 3, 4], [2, 3, 4], [3, 4, 5, 6]]))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    first = float(model.loss(batch).total.detach())
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(batch).total.backward()
        optimiser.step()
    model.eval()
    assert float(model.loss(batch).total.detach()) < 0.3 * first
    model.save(tmp_path / "t")
    again = Tiger.load(tmp_path / "t").recommend(HISTORIES, 5)
    assert again.items.tolist() == model.recommend(HISTORIES, 5).items.tolist()


def test_every_weight_takes_part() -> None:
    model = made().train()
    model.loss(collate(Histories.of([[1, 2, 3, 4], [9]]))).total.backward()
    unused = [name for name, weight in model.named_parameters() if weight.grad is None or not bool(weight.grad.abs().sum() > 0)]
    assert unused == []


@pytest.mark.parametrize("negatives", [0, 3])
def test_the_loss_of_prefixes_is_added(negatives: int) -> None:
    batch = collate(Histories.of([[5, 9, 2, 7], [3, 8]]))
    plain = made().loss(batch)
    losses = made(settings=SMALL.but(prefix_weight=0.5, prefix_negatives=negatives)).loss(batch)
    torch.testing.assert_close(losses.terms["codes"], plain.terms["codes"])
    torch.testing.assert_close(losses.total.detach(), losses.terms["codes"] + 0.5 * losses.terms["prefixes"])
    assert float(losses.terms["prefixes"]) > 0
    losses.total.backward()


def test_negatives_are_scored_where_they_stand() -> None:
    model = made()
    batch = collate(Histories.of([[5, 9, 2, 7], [3, 8]]))
    items = torch.randint(1, 61, (2, 4, 3))
    memory = model.encode(batch.items)
    found = model._chances(items, memory, model.remember(memory)).sum(dim=-1)
    exact = model.score(Histories.of([[5, 9]]))[0, items[0, 2]]
    torch.testing.assert_close(found[0, 2], exact, rtol=1e-4, atol=1e-4)
