"""What makes portraits, and tells intents, over a release: its own, or fitted when it is first needed.

Releases of before these were part of one lack them. They are fitted from their histories then, by whoever asks first and for all that
ask later, and not while the server starts: nothing that recommends waits for them. Each takes some hundredths of a second for
100,000 events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from penchant.pipeline.release import Release
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents
from penchant.users.portrait import Portraits

T = TypeVar("T")


def fitted(release: Release) -> Callable[[], Portraits]:
    """Gives what makes portraits over a release; the first call may take a while."""
    return _once(release.portraits, lambda: Portraits.fit(release.histories, CategoryTree.of(release.space.catalog)))


def fitted_intents(release: Release, portraits: Callable[[], Portraits]) -> Callable[[], Intents]:
    """Gives what tells intents over a release, by the categories of its portraits; the first call may take a while."""
    return _once(release.intents, lambda: Intents.fit(release.histories, portraits().tree))


def _once(there: T | None, make: Callable[[], T]) -> Callable[[], T]:
    """Gives what is there, or was made by the first call."""
    lock = threading.Lock()
    kept = [] if there is None else [there]

    def made() -> T:
        with lock:
            if not kept:
                kept.append(make())
            return kept[0]

    return made
