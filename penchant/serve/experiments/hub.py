"""Experiments of a running server: who is in which, what is recorded, and what came of it. It outlives a release."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from math import inf

from penchant.core.errors import StorageError
from penchant.serve.beside import Beside
from penchant.serve.choices import Choices
from penchant.serve.events import UserEvents
from penchant.serve.experiments.answers import ResultOut
from penchant.serve.experiments.assignment import NOTHING, Assigned, assigned
from penchant.serve.experiments.readings import Readings
from penchant.serve.experiments.registry import Registry
from penchant.serve.experiments.result import broken, result
from penchant.serve.experiments.shadow import Shadows
from penchant.serve.served import ServedLog
from penchant.serve.state import LiveState
from penchant.serve.stores import StateStore

_WATCH = 60.0  # seconds between two looks at guardrails
_SWEEP = 600.0  # seconds between two looks for forgotten people, who are asked after one by one
_log = logging.getLogger("penchant.serve")


class Experiments:
    """All that a server does with experiments.

    Args:
        store: Where they are kept.
        events: What users do.
        served: What was shown to them; None where nobody keeps it: lists follow experiments, but there are no results.
        choices: Who was forgotten; None where nobody can be.
        settle_seconds: After which an answer or event has reached the logs.
        clock: UTC seconds.
    """

    def __init__(
        self,
        store: StateStore,
        events: UserEvents,
        served: ServedLog | None,
        choices: Choices | None = None,
        *,
        settle_seconds: float = 5.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.registry = Registry(store, clock=clock)
        self.events, self.served, self.choices, self.settle_seconds, self.clock = events, served, choices, settle_seconds, clock
        self.shadows = Shadows()
        self._readings: dict[str, Readings] = {}
        self._lock = threading.Lock()
        self._beside: list[Beside] = []

    def assigned(self, user_id: str | None, known: bool, models: Collection[str]) -> Assigned:
        """How a list is to be made; nobody in particular is in no experiment.

        Args:
            user_id: Whose list it is.
            known: Whether the release was trained with them.
            models: Names of all generators.
        """
        running = self.registry.running()
        return assigned(running, user_id, known, models) if user_id is not None and running else NOTHING

    def result(self, name: str, state: LiveState) -> ResultOut:
        """What an experiment shows so far.

        Args:
            name: Of the experiment.
            state: Knows what users did before it.

        Raises:
            UnknownIdError: There is none of that name.
            StorageError: A log or the store cannot be read, or nobody keeps what was served.
        """
        record = self.registry.get(name)
        if self.served is None:
            raise StorageError("results", "this server keeps no log of what it served", "start it with one")
        with self._lock:
            readings = self._readings.setdefault(
                name, Readings(record, self.served, self.events, settle_seconds=self.settle_seconds, clock=self.clock)
            )

        def known(user_id: str, moment: float) -> int:
            return int((state.as_released(user_id).past.times < moment).sum())

        units = readings.update(record, known)
        return result(record, units, self.clock(), self.shadows.of(name))

    def holds(self, user_id: str) -> int:
        """Experiments whose results count a user."""
        with self._lock:
            return sum(user_id in readings.units for readings in self._readings.values())

    def forget(self, user_id: str, before: float = inf) -> int:
        """Take a user out of all results, or one whose first list was made before a time; out of how many."""
        with self._lock:
            return sum(readings.forget(user_id, before) for readings in self._readings.values())

    def sweep(self) -> None:
        """Forget whom another server was asked to forget: answers and results lie with each server by itself.

        Raises:
            PenchantError: A log or the store cannot be read.
        """
        if self.choices is None or self.served is None:
            return
        last = ""
        while users := self.served.users(last):
            for user_id, choice in zip(users, self.choices.of(users), strict=True):
                if choice.forgotten is not None:
                    self.served.forget(user_id, choice.forgotten)
                    self.forget(user_id, choice.forgotten)
            last = users[-1]

    def guard(self, state: LiveState) -> list[str]:
        """Stop running experiments with a broken guardrail; their names.

        Raises:
            PenchantError: A log or the store cannot be read.
        """
        stopped: list[str] = []
        for experiment in self.registry.running():
            if experiment.guardrails and self.served is not None and (why := broken(self.result(experiment.name, state))):
                self.registry.stop(experiment.name, f"stopped by guardrail: {why}")
                _log.warning("the experiment %s was stopped: %s", experiment.name, why)
                stopped.append(experiment.name)
        return stopped

    def start(self, state: Callable[[], LiveState]) -> None:
        """Look at guardrails, and for forgotten people, from time to time.

        Args:
            state: Knows what users did before.
        """
        self._beside = [Beside("guardrails", _WATCH, lambda: self.guard(state())), Beside("forgotten people", _SWEEP, self.sweep)]
        for one in self._beside:
            one.start()

    def stop(self) -> None:
        """End all threads."""
        for one in self._beside:
            one.stop()
        self.shadows.close()
