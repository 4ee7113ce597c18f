"""Greedy orders against their definitions, written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.pipeline.rules.diversity import dpp_order, mmr_order, relevance


def units(seed: int, count: int, width: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, width))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def scores(seed: int, count: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).random(count).astype(np.float32))[::-1]


def gain(rows: list[int], values: np.ndarray, unit: np.ndarray, weight: float) -> float:
    """The objective of greedy DPP, by a determinant of the whole kernel."""
    sign, volume = np.linalg.slogdet((unit[rows] @ unit[rows].T).astype(np.float64))
    return (1 - weight) * float(values[rows].sum()) + weight * (float(volume) if sign > 0 else -np.inf)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 9), st.sampled_from([0.1, 0.5, 0.9]))
def test_dpp_takes_what_raises_the_determinant_most(seed: int, count: int, weight: float) -> None:
    unit, given_scores = units(seed, count, 12), scores(seed, count)
    values = relevance(given_scores)
    order = dpp_order(given_scores, unit, weight, count).tolist()
    assert sorted(order) == list(range(count))
    for place in range(count):
        best = max(gain([*order[:place], one], values, unit, weight) for one in range(count) if one not in order[:place])
        assert gain(order[: place + 1], values, unit, weight) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize("seed", range(20))
def test_greedy_dpp_is_near_the_best_of_all_sets(seed: int) -> None:
    """The determinant of the greedy set is at least (1/m!)^2 of the largest (Civril and Magdon-Ismail, 2009); mostly far more."""
    unit = units(seed, 8, 8)
    order = dpp_order(np.ones(8, np.float32), unit, 1.0, 3)[:3].tolist()
    best = max(gain(list(rows), np.ones(8), unit, 1.0) for rows in itertools.combinations(range(8), 3))
    assert best - np.log(36) <= gain(order, np.ones(8), unit, 1.0) <= best + 1e-6


def test_twins_do_not_stand_together() -> None:
    unit = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    given_scores = np.array([1.0, 0.99, 0.5], np.float32)
    for order in (mmr_order, dpp_order):
        assert order(given_scores, unit, 0.5, 3).tolist() == [0, 2, 1]
        assert order(given_scores, unit, 0.0, 3).tolist() == [0, 1, 2], "without weight the scores decide"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 9), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 9))
def test_mmr_is_its_definition(seed: int, count: int, weight: float, m: int) -> None:
    unit, given_scores = units(seed, count, 4), scores(seed, count)
    values, left, expected = relevance(given_scores), list(range(count)), []
    while left and len(expected) < m:
        marginal = [
            (1 - weight) * values[one] - weight * max([float(unit[one] @ unit[other]) for other in expected], default=0) for one in left
        ]
        expected.append(left.pop(int(np.argmax(marginal))))
    assert mmr_order(given_scores, unit, weight, m).tolist() == expected + left


def test_more_places_than_directions_and_items_without_a_vector() -> None:
    unit = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0], [0.8, 0.6]], np.float32)
    found = dpp_order(np.array([5, 4, 3, 2, 1], np.float32), unit, 0.5, 5).tolist()
    assert sorted(found) == [0, 1, 2, 3, 4]
    assert set(found[:3]) == {0, 1, 3}, "two directions, and what is like nothing"
    assert (
        dpp_order(np.zeros(0, np.float32), unit[:0], 0.5, 5).tolist() == mmr_order(np.zeros(0, np.float32), unit[:0], 0.5, 5).tolist() == []
    )
