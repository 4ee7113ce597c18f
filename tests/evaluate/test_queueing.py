"""Waiting times: exact where theory is, near a simulation where it is not, and monotone everywhere."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.evaluate.queueing import erlang_c, response, servers_needed


def exponential(mean: float, count: int = 20_000) -> np.ndarray:
    """Quantiles of the distribution, so that no chance is in it."""
    return -mean * np.log1p(-(np.arange(count) + 0.5) / count)


def simulated(times: np.ndarray, rate: float, servers: int, share: float, requests: int = 100_000) -> float:
    random = np.random.default_rng(0)
    free = [0.0] * servers
    arrivals = np.cumsum(random.exponential(1 / rate, requests))
    service = random.choice(times, requests)
    took = np.empty(requests)
    for number, (came, needs) in enumerate(zip(arrivals.tolist(), service.tolist(), strict=True)):
        begins = max(came, heapq.heappop(free))
        heapq.heappush(free, begins + needs)
        took[number] = begins + needs - came
    return float(np.quantile(took[requests // 10 :], share))


def test_erlangs_formula_gives_the_known_numbers() -> None:
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(10, 8.0) == pytest.approx(0.40918, abs=1e-5)
    assert erlang_c(3, 3.0) == 1.0
    assert erlang_c(2_000, 1_900.0) < 1.0


@pytest.mark.parametrize("load", [0.3, 0.7, 0.95])
def test_one_server_with_exponential_times_is_exact(load: float) -> None:
    expected = math.log(100) * 0.02 / (1 - load)
    assert response(exponential(0.02), load / 0.02, 1) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (3, 0.8), (8, 0.7)])
def test_times_as_lists_have_them_come_near_a_simulation(servers: int, load: float) -> None:
    times = 0.01 + np.random.default_rng(1).lognormal(-4.5, 0.6, 5_000)
    rate = load * servers / float(times.mean())
    assert response(times, rate, servers) == pytest.approx(simulated(times, rate, servers, 0.99), rel=0.12)


TIMES = st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(times=TIMES, rate=st.floats(0.1, 200), goal=st.floats(1e-3, 3), share=st.floats(0.5, 0.999))
def test_the_number_needed_is_enough_and_one_less_is_not(times: list[float], rate: float, goal: float, share: float) -> None:
    seconds = np.array(times)
    needed = servers_needed(seconds, rate, goal, share=share, most=1_000)
    if needed is None:
        assert response(seconds, rate, 1_000, share) > goal
        return
    assert response(seconds, rate, needed, share) <= goal
    assert needed == 1 or response(seconds, rate, needed - 1, share) > goal


def test_more_than_can_be_answered_takes_for_ever() -> None:
    assert response(np.array([0.1]), 10.0, 1) == math.inf
    assert response(np.array([0.1]), 9.0, 1) < math.inf


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"servers": 0}, {"share": 1.0}, {"seconds": np.zeros(0)}])
def test_what_means_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        response(**{"seconds": np.array([0.1]), "rate": 1.0, "servers": 1, "share": 0.99, **wrong})
