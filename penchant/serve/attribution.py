"""Which events count as following from a list."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from penchant.serve.events import LiveEvent


def following(events: Sequence[LiveEvent], kinds: Collection[str], at: float, seconds: float) -> list[LiveEvent]:
    """Events of some kinds within a window that begins with a list.

    Events have whole seconds, so the window begins with the second of the list.

    Args:
        events: Of the user who saw it.
        kinds: That count.
        at: UTC seconds of the list.
        seconds: That the window lasts.
    """
    begin = int(at)
    return [one for one in events if one.event in kinds and begin <= one.timestamp < at + seconds]
