"""Moments in the time of a data set, for what is learnt before and measured after."""

from __future__ import annotations

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.users.decay import DAY


def day_at(histories: Histories, share: float) -> int:
    """The day since 1970 at which a share of all days of the events has passed.

    Raises:
        InputError: Nobody knows when the events were, or the share is none.
    """
    require(histories.timed and histories.num_events > 0, "events without times", "what comes after is told by time", "give them times")
    require(0 < share < 1, f"share={share}", "it is a part of the days", "pass a number between 0 and 1")
    first, last = int(histories.times.min()) // DAY, int(histories.times.max()) // DAY
    return first + int((last + 1 - first) * share)
