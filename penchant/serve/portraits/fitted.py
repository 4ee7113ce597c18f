"""What makes portraits over a release: its own, or fitted when it is first needed.

Releases of before portraits were part of one lack it. It is fitted from their histories then, by whoever asks first and for all that
ask later, and not while the server starts: nothing that recommends waits for it. It takes some hundredths of a second for 100,000
events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from penchant.pipeline.release import Release
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits


def fitted(release: Release) -> Callable[[], Portraits]:
    """Gives what makes portraits over a release; the first call may take a while."""
    lock = threading.Lock()
    kept = [] if release.portraits is None else [release.portraits]

    def made() -> Portraits:
        with lock:
            if not kept:
                kept.append(Portraits.fit(release.histories, CategoryTree.of(release.space.catalog)))
            return kept[0]

    return made
