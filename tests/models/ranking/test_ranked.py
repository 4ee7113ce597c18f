"""A ranker over a generator's candidates: it begins as the generator, learns from what that names, and its weights move the list."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.models.ranking.candidates import RankingBatches, scores_of
from penchant.models.ranking.multi_task import MultiTaskRanker, MultiTaskSettings, of_list
from penchant.models.ranking.ranked import Ranked
from penchant.models.retrieval.linear import LinearItemModel, item_knn
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from tests.contracts.planted import NUM_ITEMS, train_histories

LIKE, VIEW = ACTION_CODE["like"], ACTION_CODE["view"]
ASKED = Histories.of([[25, 1], [3], [], [5, 6, 7]])


@cache
def generator() -> SASRec:
    torch.manual_seed(0)
    return SASRec(NUM_ITEMS, SASRecSettings(width=16, heads=2, layers=1, max_len=12)).eval()


@cache
def neighbours() -> LinearItemModel:
    return item_knn(train_histories(), NUM_ITEMS)


def ranker(*, heads: int = 1, scorers: int = 2) -> MultiTaskRanker:
    torch.manual_seed(1)
    vectors = generator().head.table.all().detach().numpy()
    return MultiTaskRanker(vectors, np.zeros((NUM_ITEMS + 1, 1)), MultiTaskSettings(heads=heads, scorers=scorers, hidden=8)).eval()


def test_a_score_counts_by_its_list() -> None:
    items = torch.tensor([[4, 7, 2, 0], [1, 0, 0, 0]])
    scores = torch.tensor([[3.0, 1.0, 2.0, 99.0], [5.0, 0.0, 0.0, 0.0]])[..., None]
    units, places = of_list(items, scores)
    deviation = (2 / 3) ** 0.5
    torch.testing.assert_close(units[..., 0], torch.tensor([[1 / deviation, -1 / deviation, 0.0, 0.0], [0.0] * 4]))
    torch.testing.assert_close(places[..., 0], torch.tensor([[1.0, 3.0, 2.0, 1.0], [1.0] * 4]).log())


def test_at_first_it_ranks_as_the_generator() -> None:
    one = ranker()
    torch.nn.init.zeros_(one.network[-1].weight)
    both = Ranked(generator(), [neighbours()], one, [1.0], candidates=10)
    for exclude in (None, ASKED):
        expected, found = generator().recommend(ASKED, 10, exclude=exclude), both.recommend(ASKED, 10, exclude=exclude)
        assert found.items.tolist() == expected.items.tolist()


def test_it_learns_from_what_the_generator_names() -> None:
    rows = Histories.of([[1, 2, 3], [4], [5, 6]], actions=[[VIEW, VIEW, LIKE], [LIKE], [VIEW, VIEW]])
    batches = RankingBatches(generator(), [neighbours()], rows, newest=2, candidates=8, heads=[(), (LIKE,)], size=2)
    before = Histories.of([[1], [1, 2], [5]])
    expected = generator().recommend(before, 8, exclude=before)
    whole = batches.batch(np.arange(3))
    assert whole.items.tolist() == expected.items.tolist(), "of each event but the first of its row"
    np.testing.assert_allclose(whole.scores[..., 0], expected.scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(
        whole.scores[..., 1], np.take_along_axis(neighbours().score(before).numpy(), expected.items.astype(int), 1), rtol=1e-5
    )
    right = whole.items == torch.tensor([[2], [3], [6]])
    assert whole.labels[..., 0].bool().tolist() == right.tolist()
    assert whole.labels[..., 1].bool().tolist() == (right & torch.tensor([[False], [True], [False]])).tolist(), "one of them was liked"
    assert sorted(np.concatenate(batches.plan(0)).tolist()) == [0, 1, 2]
    drawn = RankingBatches(generator(), [], rows, newest=1, candidates=5, heads=[()], drawn=True).batch(np.arange(2))
    assert drawn.items[:, 0].tolist() == [3, 6]
    assert drawn.labels[:, 0, 0].tolist() == [1.0, 1.0]
    with pytest.raises(InputError, match="longer histories"):
        RankingBatches(generator(), [], Histories.of([[1], [2]]), newest=1, candidates=5, heads=[()])


def test_weights_move_the_list() -> None:
    """The probability of a head, over the first places, grows with its weight, and falls where that is below 0."""
    one = ranker(heads=2)
    torch.nn.init.normal_(one.network[-1].weight)
    torch.nn.init.zeros_(one.trust)
    items = torch.arange(1, NUM_ITEMS + 1)[None].expand(len(ASKED), -1)
    with torch.no_grad():
        given = scores_of([generator(), neighbours()], ASKED, items)
        chances = one(generator().states(ASKED), items, given).sigmoid()[..., 1].numpy()

    def mean(weight: float) -> float:
        found = Ranked(generator(), [neighbours()], one, [1.0, weight], candidates=NUM_ITEMS).recommend(ASKED, 5)
        return float(np.take_along_axis(chances, found.items.astype(int) - 1, axis=1).mean())

    low, middle, high = (mean(weight) for weight in (-5.0, 0.0, 5.0))
    assert low < middle < high


def test_its_loss_is_the_sum_of_the_heads() -> None:
    rows = Histories.of([[1, 2, 3], [5, 6]], actions=[[VIEW, VIEW, LIKE], [VIEW, VIEW]])
    batch = RankingBatches(generator(), [neighbours()], rows, newest=1, candidates=8, heads=[(), (LIKE,)]).batch(np.arange(2))
    found = ranker(heads=2).loss(batch)
    torch.testing.assert_close(found.total, sum(found.terms.values(), start=torch.zeros(())))
    assert batch.num_targets == 16


def test_it_is_saved_with_its_scorers(tmp_path: Path) -> None:
    both = Ranked(generator(), [neighbours()], ranker(heads=2), [1.0, -0.5], candidates=12)
    both.save(tmp_path / "both")
    again = Ranked.load(tmp_path / "both")
    assert again.recommend(ASKED, 9).items.tolist() == both.recommend(ASKED, 9).items.tolist()
    assert (again.weights, again.candidates) == ([1.0, -0.5], 12)


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match="2 weights: the ranker has 1 heads"):
        Ranked(generator(), [neighbours()], ranker(), [1.0, 2.0])
    with pytest.raises(InputError, match="0 other scorers: the ranker knows 2"):
        Ranked(generator(), [], ranker(), [1.0])
    with pytest.raises(InputError, match="candidates=0"):
        Ranked(generator(), [neighbours()], ranker(), [1.0], candidates=0)
