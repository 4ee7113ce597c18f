"""What search and item pages leave out: the same for the same person as lists do, but for what the person had."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from penchant.pipeline.rules.asked import Asked
from penchant.serve.routes.people import somebody, wishes
from penchant.serve.service import Service
from penchant.serve.state import NOBODY


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
    person, missing = somebody(service, user_id)
    now, row, hidden, policy = int(time.time()), NOBODY, (), service.recommender.policy
    person = person if person is not None and person.personalised else None
    if person is not None:
        steering, unheard = wishes(service, person.user_id, now)
        row, hidden, missing = steering.edited(person.history), person.hidden, [*missing, *unheard]
    barred = policy.barred(Asked(row, 1, now, None if person is None else person.user_id))
    mask = barred.mask.copy()  # it may be one that all requests share
    for codes in (np.array(hidden, np.int32), np.array(service.recommender.blocked, np.int32), service.stock.codes()):
        mask[codes] = True
    for part in missing:
        service.metrics.missing.labels(part).inc()
    return KeptOut(np.flatnonzero(mask).astype(np.int32), policy.version, tuple(missing))
