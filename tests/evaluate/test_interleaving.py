"""Team draft: fair to both, whatever they rank, and it finds the better one."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.evaluate.always_valid import of_mean
from penchant.evaluate.interleaving import Drafted, credit, team_draft

rankings = st.lists(st.integers(1, 30), max_size=20, unique=True)


@given(first=rankings, second=rankings, k=st.integers(0, 25), seed=st.integers(0, 2**32))
def test_a_draft_is_a_list_of_both_in_their_orders(first: list[int], second: list[int], k: int, seed: int) -> None:
    drafted = team_draft(first, second, k, np.random.default_rng(seed))
    assert len(set(drafted.items)) == len(drafted.items) == len(drafted.teams) == min(k, len({*first, *second}))
    for team, ranking in enumerate((first, second)):
        mine = [item for item, of in zip(drafted.items, drafted.teams, strict=True) if of == team]
        assert mine == sorted(mine, key=ranking.index)
    if set(first) == set(second):
        assert abs(sum(drafted.teams) * 2 - len(drafted.teams)) <= 1


def test_each_ranking_is_as_often_on_top() -> None:
    tops = Counter(team_draft([1, 2], [3, 4], 4, np.random.default_rng(seed)).items[0] for seed in range(2_000))
    assert abs(tops[1] - 1_000) < 120


def test_equal_rankings_win_equally_often() -> None:
    rng = np.random.default_rng(0)
    credits = [credit(team_draft([1, 2, 3, 4], [1, 2, 3, 4], 4, rng), {int(rng.integers(1, 5))}) for _ in range(2_000)]
    assert of_mean(np.array(credits, float)).p > 0.05


def test_the_better_ranking_wins() -> None:
    rng = np.random.default_rng(1)
    credits = []
    for _ in range(400):
        wanted = int(rng.integers(1, 11))
        shuffled = rng.permutation(np.arange(1, 11)).tolist()
        better = [wanted, *(item for item in shuffled if item != wanted)] if rng.random() < 0.3 else shuffled
        drafted = team_draft(shuffled, better, 5, rng)
        credits.append(credit(drafted, {wanted}))
    assert of_mean(np.array(credits, float)).low > 0


def test_credit_counts_teams() -> None:
    drafted = Drafted((7, 8, 9), (0, 1, 1))
    assert [credit(drafted, chosen) for chosen in ({7}, {8}, {7, 8}, {7, 8, 9}, {5}, set())] == [-1, 1, 0, 1, 0, 0]
