from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from penchant.core.errors import InputError
from penchant.items.sinkhorn import balanced, sinkhorn_prices


def cloud(rows: int, centres: int, seed: int = 0) -> np.ndarray:
    """Squared distances of uneven points to centres."""
    rng = np.random.default_rng(seed)
    points, middle = rng.standard_normal((rows, 1, 4)) + 1, rng.standard_normal((1, centres, 4))
    return ((points - middle) ** 2).sum(axis=2)


def test_the_row_with_most_to_lose_stays() -> None:
    costs = np.array([[0.0, 1.0], [0.0, 3.0], [0.0, 2.0]])
    codes, _ = balanced(costs, np.array([2, 1]))
    assert codes.tolist() == [1, 0, 0]
    assert codes.dtype == np.int32


def test_with_room_for_all_each_row_has_its_nearest_and_nothing_costs() -> None:
    costs = cloud(50, 5)
    codes, prices = balanced(costs, np.full(5, 50))
    assert np.array_equal(codes, costs.argmin(axis=1))
    assert prices.tolist() == [0] * 5


@pytest.mark.parametrize(("rows", "centres"), [(60, 6), (90, 30), (80, 80)])
def test_the_total_is_near_the_best_there_is_and_prices_bring_it_nearer(rows: int, centres: int) -> None:
    costs, room = cloud(rows, centres), np.full(centres, -(-rows // centres))
    seats = np.repeat(costs, room, axis=1)
    best = seats[linear_sum_assignment(seats)].sum()
    paid, free = (costs[np.arange(rows), balanced(costs, room, iterations=n)[0]].sum() for n in (200, 0))
    assert best <= paid + 1e-9 and paid < 1.1 * best
    assert paid < free


def test_prices_load_no_centre_beyond_its_room() -> None:
    costs, room = cloud(300, 10), np.full(10, 30)
    prices = sinkhorn_prices(costs, room, softness=0.05, iterations=400)
    scale = (costs.max() - costs.min()) / 2
    soft = np.exp(-(costs + prices - (costs + prices).min(axis=1, keepdims=True)) / (0.05 * scale))
    load = (soft / soft.sum(axis=1, keepdims=True)).sum(axis=0)
    assert np.bincount(costs.argmin(axis=1), minlength=10).max() > 60  # without prices
    assert load.max() < 30.3


def test_prices_of_before_save_iterations() -> None:
    costs, room = cloud(400, 20), np.full(20, 20)
    _, prices = balanced(costs, room, iterations=200)
    nearly = costs + 0.01 * np.random.default_rng(1).random(costs.shape)

    def total(**kwargs: object) -> float:
        return float(nearly[np.arange(400), balanced(nearly, room, **kwargs)[0]].sum())  # type: ignore[arg-type]

    assert total(prices=prices, iterations=3) < total(iterations=3)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.integers(1, 8), st.integers(0, 2**16), st.booleans())
def test_no_centre_is_overfull_and_the_same_comes_out_again(rows: int, centres: int, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 2, (rows, centres)).astype(float) if ties else rng.random((rows, centres)) * 10 ** rng.uniform(-9, 9)
    room = np.bincount(rng.integers(0, centres, rows), minlength=centres)  # some may have none, and there is none to spare
    codes, prices = balanced(costs, room, iterations=10)
    assert np.array_equal(np.bincount(codes, minlength=centres), room)
    again = balanced(costs.copy(), room.copy(), iterations=10)
    assert np.array_equal(again[0], codes) and np.array_equal(again[1], prices)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        balanced(np.zeros((3, 2)), np.array([1, 1]))
    assert str(caught.value) == "room for 2: there are 3 rows; give the centres more room"
    for room in (np.array([3]), np.array([4, -1])):
        with pytest.raises(InputError, match="one number >= 0"):
            balanced(np.zeros((3, 2)), room)
