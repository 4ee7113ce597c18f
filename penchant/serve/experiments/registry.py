"""Where experiments are kept: in the state store that all servers share, started and stopped while they run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.core.errors import InputError, StorageError, UnknownIdError, require
from penchant.serve.experiments.assignment import unknown_models
from penchant.serve.experiments.definition import Experiment
from penchant.serve.stores import StateStore, Stored, Write

PREFIX = "experiment:"
_FRESH = 2.0  # seconds that what was read is good for
_MOST = 1_000  # experiments that are looked through
_log = logging.getLogger("penchant.serve")


class Record(BaseModel):
    """An experiment, and when it ran."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    experiment: Experiment
    started: float = Field(description="UTC seconds from which it holds.")
    ended: float | None = Field(default=None, description="UTC seconds; null while nobody stopped it.")
    why: Annotated[str, Field(max_length=1_000)] | None = Field(default=None, description="Why it was stopped.")

    def runs(self, now: float) -> bool:
        """Whether it holds at a moment, UTC seconds."""
        return self.started <= now < self.until

    @property
    def until(self) -> float:
        """UTC seconds at which it ends; infinity where nobody knows."""
        ends = [end for end in (self.ended, self.experiment.end) if end is not None]
        return min(ends, default=float("inf"))


class Registry:
    """Experiments by name. What is running is told from memory, which is read anew behind a request's back.

    Args:
        store: Shared by all servers.
        clock: UTC seconds.
    """

    def __init__(self, store: StateStore, *, clock: Callable[[], float] = time.time) -> None:
        self.store, self.clock = store, clock
        self._records: tuple[Record, ...] = ()
        self._until = 0.0
        self._reading = threading.Lock()
        self._reading.acquire()
        self._refresh()

    def running(self) -> list[Experiment]:
        """Experiments that hold now, in the order of their names; a change elsewhere counts some seconds later.

        Never waits: while the store does not answer, those hold that held before.
        """
        if time.monotonic() >= self._until and self._reading.acquire(blocking=False):
            threading.Thread(target=self._refresh, name="experiments", daemon=True).start()
        now = self.clock()
        return [record.experiment for record in self._records if record.runs(now)]

    def all(self) -> list[Record]:
        """Every experiment, the newest first.

        Raises:
            StorageError: The store cannot be read.
        """
        names = self.store.names(PREFIX, limit=_MOST)
        found = [_record(name, stored) for name, stored in zip(names, self.store.get(names), strict=True) if stored is not None]
        return sorted((one for one in found if one is not None), key=lambda one: (-one.started, one.experiment.name))

    def get(self, name: str) -> Record:
        """One experiment.

        Raises:
            UnknownIdError: There is none of that name.
            StorageError: The store cannot be read.
        """
        return self._found(name)[0]

    def start(self, experiment: Experiment, models: Collection[str], merged: Collection[str] | None = None) -> Record:
        """Let an experiment begin now, or when it says.

        Args:
            experiment: A name is used once, so that a result never mixes two experiments.
            models: Names of all generators.
            merged: Of them, those whose weights make a difference; all by default.

        Raises:
            InputError: It names a model that is not there, or changes a weight that makes no difference; its name was used
                before; it is over before it begins; or another running experiment decides the same thing for the same users.
            StorageError: The store cannot be written.
        """
        unknown = unknown_models(experiment, models)
        require(not unknown, f"models {unknown}", f"the generators are {sorted(models)}", "name generators that exist")
        idle = sorted({name for arm in experiment.arms for name in arm.weights} - set(models if merged is None else merged))
        require(not idle, f"weights of {idle}", f"the merged generators are {sorted(merged or ())}", "change the weight of one of these")
        now = self.clock()
        record = Record(experiment=experiment, started=max(now, experiment.start or 0.0))
        require(record.started < record.until, f"end={experiment.end}", "it has passed", "pass a later end, or none")
        for other in self.all():
            if other.until > record.started and record.until > other.started and other.experiment.name != experiment.name:
                _check_beside(experiment, other.experiment)
        done = self.store.put({PREFIX + experiment.name: Write(record.model_dump_json().encode())})
        require(done, f"name={experiment.name!r}", "there is or was an experiment of that name", "choose another name")
        self._read_again()
        return record

    def stop(self, name: str, why: str) -> Record:
        """End an experiment; what it showed until then stays. One that has ended is left as it is.

        Args:
            name: Of the experiment.
            why: Told with its result.

        Raises:
            UnknownIdError: There is none of that name.
            StorageError: The store cannot be written.
        """
        record, stored = self._found(name)
        now = self.clock()
        if record.until <= now:
            return record
        stopped = record.model_copy(update={"ended": now, "why": why})
        done = self.store.put({PREFIX + name: Write(stopped.model_dump_json().encode(), stored.version)})
        if not done:  # somebody else was faster
            return self.get(name)
        self._read_again()
        return stopped

    def _found(self, name: str) -> tuple[Record, Stored]:
        (stored,) = self.store.get([PREFIX + name])
        record = None if stored is None else _record(name, stored)
        if stored is None or record is None:
            raise UnknownIdError(f"experiment={name!r}", "there is none of that name", "see GET /v1/experiments")
        return record, stored

    def _read_again(self) -> None:
        with self._reading:
            self._records = tuple(sorted(self.all(), key=lambda one: one.experiment.name))

    def _refresh(self) -> None:
        """Read; whoever calls holds the lock, which ends here."""
        try:
            self._records = tuple(sorted(self.all(), key=lambda one: one.experiment.name))
        except StorageError as error:
            _log.warning("experiments cannot be read, those known go on: %s", error)
        finally:
            self._until = time.monotonic() + _FRESH
            self._reading.release()


def _record(name: str, stored: Stored) -> Record | None:
    try:
        return Record.model_validate_json(stored.value)
    except ValidationError as error:
        _log.warning("%s cannot be read and is left out: %s", name, error)
        return None


def _check_beside(one: Experiment, other: Experiment) -> None:
    """Weights of several experiments are multiplied; anything else only one may decide for a user."""
    if one.layer is not None and one.layer == other.layer:
        apart = one.layer_from + one.audience <= other.layer_from or other.layer_from + other.audience <= one.layer_from
        if apart:
            return
        raise InputError(
            f"layer={one.layer!r}",
            f"{other.name!r} has {other.layer_from:g} to {other.layer_from + other.audience:g} of it",
            "choose another part with layer_from and audience",
        )
    both = sorted(_decides(one) & _decides(other))
    require(
        not both,
        f"{', '.join(both)}",
        f"the running experiment {other.name!r} decides that, too",
        "stop it, or put both into one layer, each in its own part",
    )


def _decides(experiment: Experiment) -> set[str]:
    found = {name for arm in experiment.shown for name in ("model", "deadline_ms") if getattr(arm, name) is not None}
    return found | ({"model", "deadline_ms", "interleaving"} if experiment.kind == "interleave" else set())
