"""What search and item pages leave out: the same for the same person as lists do, but for what the person had."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from penchant.core.errors import ArtifactError, StorageError
from penchant.data.histories import Histories
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.steering import Steering
from penchant.serve.routes.steering import standing
from penchant.serve.service import Service
from penchant.serve.state import Person

_NOTHING = Histories.of([[]])


@dataclass(frozen=True)
class KeptOut:
    """Items that must not be shown.

    Attributes:
        codes: int32[m], those that rules exclude, that the person hid, that are out of stock or blocked; each once, in order.
        rules: Version of the rules.
        missing: Parts that could not be read; it is decided without them.
    """

    codes: np.ndarray
    rules: str
    missing: tuple[str, ...]


def kept_out(service: Service, user_id: str | None) -> KeptOut:
    """What ``user_id`` must not be shown at this moment; of whom opted out, what nobody in particular must not."""
    person, missing = _person(service, user_id)
    now, row, hidden, policy = int(time.time()), _NOTHING, (), service.recommender.policy
    if person is not None:
        steering, unheard = _steering(service, person, now)
        row, hidden, missing = steering.edited(person.history), person.hidden, [*missing, *unheard]
    barred = policy.barred(Asked(row, 1, now, None if person is None else person.user_id))
    mask = barred.mask.copy()  # it may be one that all requests share
    for codes in (np.array(hidden, np.int32), np.array(service.recommender.blocked, np.int32), service.stock.codes()):
        mask[codes] = True
    for part in missing:
        service.metrics.missing.labels(part).inc()
    return KeptOut(np.flatnonzero(mask).astype(np.int32), policy.version, tuple(missing))


def _person(service: Service, user_id: str | None) -> tuple[Person | None, list[str]]:
    if user_id is None:
        return None, []
    try:
        person, missing = service.state.person(user_id), []
    except (StorageError, ArtifactError):
        person, missing = service.state.as_released(user_id), ["live events"]
    return (person if person.personalised else None), missing


def _steering(service: Service, person: Person, now: int) -> tuple[Steering, list[str]]:
    try:
        return standing(str(person.user_id), service, now), []
    except (StorageError, ArtifactError):
        return Steering(), ["steering"]
