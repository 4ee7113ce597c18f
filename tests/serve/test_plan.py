"""Sizing: the reckoning has known answers, and what it stands on is measured from a release."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.cli.plan import served
from penchant.evaluate.queueing import response
from penchant.pipeline.release import Release
from penchant.serve.plan import Measured, Wish, measure, most_rate, plan

FOUND = Measured(
    seconds=np.full(100, 0.010),
    scan=0.001,
    scan_wished=0.001,
    process_bytes=1e9,
    fixed_bytes=4e8,
    item_bytes=1_000.0,
    user_bytes=100.0,
    state_bytes=2_000.0,
)
WISH = Wish(items=1_000_000, users=500_000, rate=100.0, goal_ms=50.0)


def test_processes_are_enough_for_load_and_goal() -> None:
    found = plan(WISH, FOUND)
    assert found.processes == 2, "one core of work at 70% busy"
    assert found.list_ms == pytest.approx(10.0)
    assert found.p50_ms == pytest.approx(10.0, rel=0.2)
    assert found.p99_ms == pytest.approx(response(FOUND.seconds, 100.0, 2) * 1e3)
    assert found.p99_ms <= 50.0
    assert found.process_gb == pytest.approx(0.4 + 1.0 + 0.05)
    assert found.store_gb == pytest.approx(1.0)


def test_a_tighter_goal_needs_more_and_one_below_a_list_alone_cannot_be_met() -> None:
    assert plan(WISH.but(goal_ms=12.0), FOUND).processes > plan(WISH, FOUND).processes
    never = plan(WISH.but(goal_ms=9.0), FOUND)
    assert (never.processes, never.rate_a_process) == (None, 0.0)


def test_a_larger_catalogue_makes_a_list_longer_by_its_scan() -> None:
    larger = Measured(**{**FOUND.__dict__, "scan_wished": 0.021})
    assert plan(WISH, larger).list_ms == pytest.approx(30.0)


def test_the_rate_of_a_process_is_the_largest_that_keeps_the_goal() -> None:
    times = np.linspace(0.005, 0.02, 100)
    found = most_rate(times, 0.05, 0.95)
    assert response(times, found, 1) <= 0.05 < response(times, found + 1.0, 1)
    assert most_rate(times, 10.0, 0.7) == pytest.approx(0.7 / times.mean()), "no busier than wished"


def test_a_release_is_measured_by_asking_it(tiny_release: Release) -> None:
    with served(tiny_release) as port:
        found = measure(tiny_release, port, before=0.0, items=120, lists=20)
    assert found.seconds.shape == (20,)
    assert (found.seconds > 0).all()
    assert found.fixed_bytes + 60 * found.item_bytes + 40 * found.user_bytes == pytest.approx(found.process_bytes)
    width = tiny_release.tandem.settings.width
    assert found.item_bytes > 4 * width, "an item has a vector in the model at least"
    assert found.state_bytes > 0
