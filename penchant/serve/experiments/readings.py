"""What came of an experiment: who was exposed when, and what they did in the window that followed.

Read from the log of served answers and from the event log as time goes by; nothing is stored, so a restart reads again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log1p

import numpy as np

from penchant.evaluate.interleaving import FIRST, Drafted, credit
from penchant.serve.attribution import following
from penchant.serve.events import LiveEvent, UserEvents
from penchant.serve.experiments.definition import FALLBACK, MILLISECONDS, Experiment, Metric
from penchant.serve.experiments.registry import Record
from penchant.serve.served import Served, ServedLog

#: Rungs that are no falling back: what is asked for, and all there is for somebody without a past.
_BEST = ("generative", "newcomer")
_PAGE = 1_000
_MOST_LISTS = 50  # of a user that are looked at place by place


@dataclass
class Unit:
    """A user in an experiment.

    Attributes:
        arm: That they saw first; it stays theirs.
        first: UTC seconds of their first list.
        lists: How many they saw.
        served: Those within the window, until the unit is counted.
        values: By metric, once the window is over.
        before: Covariate: log of 1 + events before the first list.
        rewards: float32[d], of each place that was shown: 1 if its item was chosen in the window.
        propensities: float32[d], of the same.
        preferred: Where arms were interleaved: mean over lists of 1 for the second arm, -1 for the first.
    """

    arm: str
    first: float
    lists: int = 0
    served: list[Served] = field(default_factory=list)
    values: Mapping[str, float] | None = None
    before: float = 0.0
    rewards: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    propensities: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    preferred: float = 0.0


class Readings:
    """The units of one experiment, as far as the logs tell.

    Args:
        record: The experiment.
        served: What was served.
        events: What users did.
        settle_seconds: After which an answer or event has reached the logs.
        clock: UTC seconds.
    """

    def __init__(
        self,
        record: Record,
        served: ServedLog,
        events: UserEvents,
        *,
        settle_seconds: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.record, self.served, self.events = record, served, events
        self.settle_seconds, self.clock = settle_seconds, clock
        self.units: dict[str, Unit] = {}
        self._at, self._after = record.started, ""
        self._lock = threading.Lock()

    def update(self, record: Record, known: Callable[[str, float], int]) -> list[Unit]:
        """Read on; all units in the order of their first lists.

        Args:
            record: The experiment as of now.
            known: Of a user and a moment: how many events before it the release knows.

        Raises:
            StorageError: A log cannot be read.
        """
        with self._lock:
            self.record = record
            until = self.clock() - self.settle_seconds
            self._expose(until)
            for user_id, unit in self.units.items():
                if unit.values is None and unit.first + record.experiment.window < until:
                    self._count(user_id, unit, known)
            return sorted(self.units.values(), key=lambda unit: unit.first)

    def forget(self, user_id: str, before: float = inf) -> bool:
        """Let go of a user whose first list was made before a time; whether there was one."""
        with self._lock:
            unit = self.units.get(user_id)
            return unit is not None and unit.first < before and self.units.pop(user_id) is unit

    def _expose(self, until: float) -> None:
        name, window = self.record.experiment.name, self.record.experiment.window
        self.served.flush()
        while page := self.served.since(self._at, _PAGE, self._after):
            for one in page:
                if one.at > until:
                    return
                self._at, self._after = one.at, one.request_id
                arm = one.arms.get(name)
                if arm is None or one.user_id is None or one.at >= self.record.until:
                    continue
                unit = self.units.setdefault(one.user_id, Unit(arm, one.at))
                unit.lists += 1
                if unit.values is None and one.at < unit.first + window:
                    unit.served.append(one)

    def _count(self, user_id: str, unit: Unit, known: Callable[[str, float], int]) -> None:
        experiment = self.record.experiment
        alone = next((arm.model for arm in experiment.shown if arm.name == unit.arm), None)
        did = self.events.of_user(user_id)
        unit.before = log1p(known(user_id, unit.first) + sum(one.timestamp < int(unit.first) for one in did))
        unit.values = {
            **{metric.name: value_of(metric, did, unit.first) for metric in experiment.metrics},
            MILLISECONDS: float(np.mean([one.milliseconds for one in unit.served])),
            FALLBACK: float(np.mean([one.rung not in (*_BEST, alone) for one in unit.served])),
        }
        self._places(unit, did, experiment)
        unit.served = []

    def _places(self, unit: Unit, did: Sequence[LiveEvent], experiment: Experiment) -> None:
        """What was chosen of the lists, by the events of the first metric."""
        metric, sides, credits = experiment.metrics[0], {arm.name: place for place, arm in enumerate(experiment.shown)}, []
        rewards: list[float] = []
        propensities: list[float] = []
        for one in unit.served[:_MOST_LISTS]:
            chosen = {did.item_id for did in within(metric, did, one.at)}
            rewards += [float(item in chosen) for item in one.items]
            propensities += one.propensities or [1.0] * len(one.items)
            teams = (one.replay.get("teams") or {}).get(experiment.name)
            if teams:
                drafted = Drafted(tuple(range(len(one.items))), tuple(sides.get(team, FIRST) for team in teams))
                credits.append(credit(drafted, {place for place, item in enumerate(one.items) if item in chosen}))
        unit.rewards, unit.propensities = np.array(rewards, np.float32), np.array(propensities, np.float32)
        unit.preferred = float(np.mean(credits)) if credits else 0.0


def within(metric: Metric, events: Sequence[LiveEvent], first: float) -> list[LiveEvent]:
    """Events of a metric in its window."""
    return following(events, metric.events, first, metric.window_seconds)


def value_of(metric: Metric, events: Sequence[LiveEvent], first: float) -> float:
    """A metric of one user."""
    counted = within(metric, events, first)
    if metric.measure == "value":
        return sum(one.value or 0.0 for one in counted)
    return float(len(counted) > 0 if metric.measure == "any" else len(counted))
