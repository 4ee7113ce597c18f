"""What is bought again, measured."""

from __future__ import annotations

import numpy as np

from penchant.recipes.language.repurchase import joined, keys, recalls, shuffled
from penchant.users.repurchase import Pairs, Purchases

BOUGHT = Purchases(*np.array([[1, 1, 1, 2, 2], [3, 3, 5, 3, 4], [10, 40, 12, 11, 30]], np.int32))


def test_recall_is_of_what_is_bought_among_the_ten_first_of_a_household() -> None:
    pairs = Pairs.of(Purchases(*np.stack([np.repeat([1, 2, 3], 12), np.tile(np.arange(1, 13), 3), np.full(36, 5)]).astype(np.int32)))
    right = np.zeros(36, bool)
    right[[0, 11, 12, 13]] = True  # of the first household types 1 and 12, of the second 1 and 2, of the third none
    users, recall = recalls(pairs, -pairs.kinds.astype(float), right)
    assert users.tolist() == [1, 2]
    assert recall.tolist() == [0.5, 1.0]


def test_shuffled_days_stay_among_those_of_the_household() -> None:
    found = shuffled(BOUGHT, 100, seed=1)
    assert set(keys(found)) == set(keys(BOUGHT))
    for user in (1, 2):
        own, mixed = (one.days[one.users == user] for one in (BOUGHT, found))
        assert own.min() <= mixed.min() <= mixed.max() <= own.max()
    assert not len(shuffled(BOUGHT, 5))


def test_purchases_are_joined_in_order_and_once() -> None:
    both = joined(BOUGHT.before(30), BOUGHT)
    assert [both.users.tolist(), both.kinds.tolist(), both.days.tolist()] == [
        BOUGHT.users.tolist(),
        BOUGHT.kinds.tolist(),
        BOUGHT.days.tolist(),
    ]
