"""From logs to a verdict: users are simulated, so what should be said is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.serve.events import LiveEvent
from penchant.serve.experiments.answers import ResultOut
from penchant.serve.experiments.assignment import BOTH, arm_of
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.readings import Readings
from penchant.serve.experiments.registry import Record
from penchant.serve.experiments.result import broken, result
from penchant.serve.served import Served
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from tests.serve.experiments.test_assignment import experiment

START, HOUR = 1_000_000.0, 3_600


class World:
    """Logs of an experiment, and what it shows at a moment."""

    def __init__(self, tried: Experiment, folder: Path) -> None:
        self.record, self.now = Record(experiment=tried, started=START), START + 1_000 * HOUR
        self.served = SqliteServedLog(folder / "served.sqlite", most_waiting=1_000_000, clock=lambda: START)
        self.log = SqliteEventLog(folder / "events.sqlite")
        self.readings = Readings(self.record, self.served, self.log, settle_seconds=0, clock=lambda: self.now)
        self._did: list[LiveEvent] = []
        self._count = 0

    def did(self, user: str, event: str, at: float, item: str = "i1", value: float | None = None) -> None:
        self._count += 1
        self._did.append(LiveEvent(f"e{self._count}", user, item, event, int(at), value))

    def show(self, user: str, at: float, **more: object) -> Served:
        self._count += 1
        tried = self.record.experiment
        arm = BOTH if tried.kind == "interleave" else arm_of(tried, user).name
        given: dict[str, Any] = {
            "request_id": f"r{self._count:06}",
            "at": at,
            "user_id": user,
            "release": "r",
            "rung": "generative",
            "items": ("i1", "i2"),
            "propensities": (),
            "arms": {tried.name: arm},
            "milliseconds": 10.0,
            "replay": {},
        }
        one = Served(**{**given, **more})
        self.served.append(one)
        return one

    def result(self) -> ResultOut:
        self.log.append(self._did)
        self._did = []
        return result(self.record, self.readings.update(self.record, lambda user, moment: 0), self.now)

    def close(self) -> None:
        self.served.close()
        self.log.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[Experiment], World]]:
    worlds: list[World] = []

    def made(tried: Experiment) -> World:
        worlds.append(World(tried, tmp_path / str(len(worlds))))
        return worlds[-1]

    yield made
    for world in worlds:
        world.close()


def hourly(**more: object) -> Experiment:
    return experiment(metrics=[{"name": "clicks", "events": ["click"], "window_seconds": HOUR}], **more)


def simulated(world: World, users: int, chances: Sequence[float], seed: int = 0) -> ResultOut:
    """Users come one after the other; those of each arm click with its chance."""
    rng = np.random.default_rng(seed)
    names = [arm.name for arm in world.record.experiment.shown]
    for number in range(users):
        user, at = f"user {number}", START + 60 * number
        shown = world.show(user, at)
        if rng.random() < chances[names.index(shown.arms[world.record.experiment.name])]:
            world.did(user, "click", at + 10)
    return world.result()


def test_a_better_arm_is_called_better_and_the_numbers_are_those_of_the_logs(make: Callable[[Experiment], World]) -> None:
    world = make(hourly())
    found = simulated(world, 2_000, (0.2, 0.35))
    assert found.verdict == "better"
    assert found.meaning.startswith("more-ease is better than as-is by clicks: +0.")
    control, treated = found.arms
    assert control.users + treated.users == control.counted + treated.counted == 2_000
    (one,) = found.comparisons
    assert one.difference.estimate == pytest.approx(treated.metrics["clicks"] - control.metrics["clicks"])
    assert one.difference.low is not None and one.difference.low > 0
    assert one.looks[-1].interval == one.adjusted
    assert [look.at for look in one.looks] == sorted(look.at for look in one.looks)
    assert found.sample_ratio is not None and found.sample_ratio > 0.05 and not found.alarm
    assert treated.off_policy is not None
    assert treated.off_policy.snips == pytest.approx(treated.metrics["clicks"] / 2), "one of two places was clicked"


def test_equal_arms_are_told_apart_hardly_ever_however_often_one_looks(make: Callable[[Experiment], World]) -> None:
    wrong = 0
    for seed in range(20):
        found = simulated(make(hourly(salt=f"s{seed}")), 600, (0.3, 0.3), seed)
        wrong += any(look.interval.low > 0 or look.interval.high < 0 for look in found.comparisons[0].looks)  # type: ignore[operator]
    assert wrong <= 2


def test_a_worse_arm_and_a_metric_that_should_be_low(make: Callable[[Experiment], World]) -> None:
    assert simulated(make(hourly()), 1_500, (0.4, 0.2)).verdict == "worse"
    low = {"name": "hides", "events": ["click"], "window_seconds": HOUR, "better": "lower"}
    assert simulated(make(experiment(metrics=[low])), 1_500, (0.4, 0.2)).verdict == "better"


def test_few_users_show_nothing_and_nothing_is_infinite_in_json(make: Callable[[Experiment], World]) -> None:
    found = simulated(make(hourly()), 12, (0.1, 0.9))
    assert (found.verdict, found.comparisons[0].difference.low) == ("no difference shown yet", None)
    assert "Too few users" in found.meaning
    assert simulated(make(hourly()), 0, (0.1, 0.9)).arms[0].metrics == {}
    assert ResultOut.model_validate_json(found.model_dump_json()) == found


def test_a_user_counts_once_their_window_is_over_and_only_by_what_they_did_in_it(make: Callable[[Experiment], World]) -> None:
    world = make(experiment(metrics=[{"name": "n", "events": ["click", "cart"], "measure": "count", "window_seconds": HOUR}]))
    world.show("u", START + 100.7)
    for at, event in ((99, "click"), (100, "click"), (200, "cart"), (300, "view"), (3_699, "click"), (3_701, "click")):
        world.did("u", event, START + at)
    world.now = START + 3_000
    assert [(arm.users, arm.counted) for arm in world.result().arms if arm.users] == [(1, 0)]
    world.now = START + 3_800
    (arm,) = [arm for arm in world.result().arms if arm.users]
    assert (arm.counted, arm.metrics["n"]) == (1, 3.0)
    (unit,) = world.readings.units.values()
    assert unit.before == pytest.approx(log(2)), "one event before"


def test_values_are_summed(make: Callable[[Experiment], World]) -> None:
    world = make(experiment(metrics=[{"name": "spent", "events": ["purchase"], "measure": "value", "window_seconds": HOUR}]))
    world.show("u", START)
    for value in (2.5, 4.0, None):
        world.did("u", "purchase", START + 5, value=value)
    assert [arm.metrics["spent"] for arm in world.result().arms if arm.users] == [6.5]


def test_the_first_list_counts_others_are_only_counted(make: Callable[[Experiment], World]) -> None:
    world = make(hourly())
    for at in (0, 10, 20, 2 * HOUR):
        world.show("u", START + at)
    world.show("u", START + 5, arms={"another": "x"})
    world.show("v", START - 5)
    world.record = world.record.model_copy(update={"ended": START + 3 * HOUR})
    world.show("w", START + 4 * HOUR)
    (arm,) = [arm for arm in world.result().arms if arm.users]
    assert (arm.users, arm.lists) == (1, 4)
    assert [arm.lists for arm in world.result().arms if arm.users] == [4], "a second look counts nothing twice"


def test_what_a_covariate_foretells_makes_the_interval_narrower(make: Callable[[Experiment], World]) -> None:
    world, rng = (
        make(experiment(metrics=[{"name": "n", "events": ["click"], "measure": "count", "window_seconds": HOUR}])),
        np.random.default_rng(1),
    )
    for number in range(400):
        user, at, keen = f"user {number}", START + 60 * number, int(rng.integers(0, 6))
        world.show(user, at)
        for step in range(2**keen - 1):
            world.did(user, "view", at - 50 - step)
        for step in range(keen + int(rng.random() < 0.5)):
            world.did(user, "click", at + 1 + step)
    (one,) = world.result().comparisons
    assert one.correlation > 0.9
    assert one.adjusted.high - one.adjusted.low < 0.4 * (one.difference.high - one.difference.low)  # type: ignore[operator]


def test_lost_users_make_it_worthless(make: Callable[[Experiment], World]) -> None:
    world = make(hourly())
    for number in range(800):
        user = f"user {number}"
        if arm_of(world.record.experiment, user).name == "as-is" or number % 3:
            world.show(user, START + number)
    found = world.result()
    assert (found.verdict, found.alarm) == ("not to be trusted", True)


def test_a_guardrail_that_breaks_is_the_verdict(make: Callable[[Experiment], World]) -> None:
    world = make(hourly(guardrails=[{"metric": "milliseconds", "margin": 5.0}, {"metric": "fallback", "margin": 0.1}]))
    rng = np.random.default_rng(0)
    for number in range(600):
        user = f"user {number}"
        slow = 30.0 * (arm_of(world.record.experiment, user).name == "more-ease")
        world.show(user, START + number, milliseconds=10.0 + slow + rng.random())
        if rng.random() < 0.1 + slow / 60:
            world.did(user, "click", START + number)
    found = world.result()
    assert found.verdict == "a guardrail is broken", "whatever it gains"
    assert {one.metric: one.state for one in found.guardrails} == {"milliseconds": "broken", "fallback": "holds"}
    assert broken(found) == "milliseconds is worse than the margin of 5 in 'more-ease'"


def test_one_model_in_place_of_the_merged_list_is_no_falling_back(make: Callable[[Experiment], World]) -> None:
    world = make(hourly(arms=[{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "model": "ease"}]))
    for number in range(40):
        arm = arm_of(world.record.experiment, f"user {number}").name
        world.show(f"user {number}", START + number, rung="ease" if arm == "b" else "dense")
    assert {arm.name: arm.metrics["fallback"] for arm in world.result().arms} == {"a": 1.0, "b": 0.0}


def test_interleaved_lists_are_won_by_the_arm_whose_items_are_chosen(make: Callable[[Experiment], World]) -> None:
    world, rng = make(hourly(kind="interleave")), np.random.default_rng(2)
    for number in range(300):
        user, at = f"user {number}", START + number
        teams = ("as-is", "more-ease") if rng.random() < 0.5 else ("more-ease", "as-is")
        world.show(user, at, replay={"teams": {"one": teams}})
        liked = "more-ease" if rng.random() < 0.7 else "as-is"
        if rng.random() < 0.8:
            world.did(user, "click", at + 1, item=("i1", "i2")[teams.index(liked)])
    found = world.result()
    assert found.verdict == "better"
    assert "more-ease is better than as-is by users' choices" in found.meaning
    assert found.preference is not None and found.preference.estimate == pytest.approx(0.8 * 0.4, abs=0.12)
    assert ([arm.name for arm in found.arms], found.sample_ratio, found.comparisons) == ([BOTH], None, [])


def test_without_exploring_is_estimated_from_propensities(make: Callable[[Experiment], World]) -> None:
    """At each place the usual item is shown four times of five, and is clicked; what is explored is not."""
    world, rng = make(hourly()), np.random.default_rng(3)
    for number in range(400):
        usual = rng.random() < 0.8
        world.show(f"user {number}", START + number, items=("i1" if usual else "i9",), propensities=(0.8 if usual else 0.2,))
        world.did(f"user {number}", "click", START + number, item="i1")
    for arm in world.result().arms:
        assert arm.off_policy is not None
        assert arm.off_policy.snips == pytest.approx(1.0)
        assert arm.off_policy.ips == pytest.approx(1.0, abs=0.1)
        assert arm.off_policy.effective < arm.off_policy.decisions
