"""Logging what users do."""

from __future__ import annotations

import time
import uuid
from functools import partial

from penchant.core.errors import InputError, PenchantError, UnknownIdError, require
from penchant.data.catalog import Catalog
from penchant.serve.answers import EventsOut, Refused
from penchant.serve.events import AHEAD, LiveEvent
from penchant.serve.refusals import refusals
from penchant.serve.requests import EventIn, EventsIn
from penchant.serve.routes.base import places, router
from penchant.serve.service import Held, Service

routes = router("users")


@routes.post("/events", status_code=202, responses=refusals(404))
async def log_events(asked: EventsIn, service: Held) -> EventsOut:
    """Log events. When this answers, file or broker has them: on a file they count from the next request on, on a broker
    once a worker has followed them.

    Events of unknown items, or of times to come, are refused one by one; if none is left, so is the request. While the log
    does not keep up, requests are refused with 503, and nothing of them is acknowledged: send the same again.
    """
    return await service.backend.writing.run(partial(_logged, asked, service))  # lists have other threads, whatever the log does


def _logged(asked: EventsIn, service: Service) -> EventsOut:
    now, accepted, refused = int(time.time()), [], []
    problem: PenchantError | None = None
    for index, event in enumerate(asked.events):
        try:
            accepted.append(_checked(event, service.release.space.catalog, now))
        except InputError as error:
            problem = problem or error
            refused.append(Refused(index=index, value=error.value, rule=error.rule, remedy=error.remedy))
    service.metrics.events.labels("refused").inc(len(refused))
    if problem is not None and not accepted:
        raise problem
    done = service.backend.log.append(accepted)
    service.metrics.events.labels("accepted").inc(done.accepted)
    service.metrics.events.labels("duplicate").inc(done.duplicates)
    return EventsOut(
        accepted=done.accepted,
        duplicates=done.duplicates,
        refused=refused,
        last_offset=done.last_offset,
        places=places(done.places),
    )


def _checked(event: EventIn, catalog: Catalog, now: int) -> LiveEvent:
    """The event as it is logged.

    Raises:
        UnknownIdError: No such item.
        InputError: It lies in the future.
    """
    known = event.item_id in catalog.items
    require(known, f"item_id={event.item_id!r}", "no such item in this release", "pass the id of an item of the catalogue", UnknownIdError)
    time_of = now if event.timestamp is None else event.timestamp
    require(
        time_of <= now + AHEAD,
        f"timestamp={time_of}",
        "an event cannot lie in the future",
        "pass UTC seconds (not milliseconds), or null for now",
    )
    return LiveEvent(event.event_id or uuid.uuid4().hex, event.user_id, event.item_id, event.event, time_of, event.value)
