"""What came of the items that lists showed: read from the log of answers and from what people did, for Thompson's exploration.

An item that was shown succeeds if its user clicked it, put it into a cart, bought or liked it within an hour of the list. An
answer is looked at once, when its hour is over. Nothing is stored: a restart reads what the log still holds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from penchant.data.catalog import Catalog
from penchant.pipeline.rules.kinds import Explore, Rules
from penchant.pipeline.rules.outcomes import NOTHING, Outcomes
from penchant.serve.attribution import following
from penchant.serve.beside import Beside
from penchant.serve.events import UserEvents
from penchant.serve.served import Served, ServedLog

SUCCESSES = frozenset({"click", "cart", "purchase", "like"})
WINDOW = 3_600.0  # seconds
_LOOK, _PAGE = 30.0, 500  # seconds between looks; answers read at once
_SETTLE = 5.0  # seconds until an event has reached the log


class Tallies:
    """Counts by item id, of all users together. Safe for several threads.

    Args:
        served: What was shown.
        events: What people did.
        wanted: Whether anybody goes by it; nothing is read where nobody does.
        window: Seconds in which an item can succeed.
        clock: UTC seconds.
    """

    def __init__(
        self,
        served: ServedLog,
        events: UserEvents,
        wanted: Callable[[], bool],
        *,
        window: float = WINDOW,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.served, self.events, self.wanted, self.window, self._clock = served, events, wanted, window, clock
        self._shown: Counter[str] = Counter()
        self._chosen: Counter[str] = Counter()
        self._at, self._after = 0.0, ""
        self.version = 0
        self._lock = threading.Lock()
        self._beside = Beside("tallies", _LOOK, lambda: self.look() if self.wanted() else None)

    def look(self) -> int:
        """Count the answers whose window is over; how many there were.

        Raises:
            PenchantError: A log cannot be read.
        """
        until, read = self._clock() - self.window - _SETTLE, 0
        while page := [one for one in self.served.since(self._at, _PAGE, self._after) if one.at <= until]:
            self._count(page)
            self._at, self._after, read = page[-1].at, page[-1].request_id, read + len(page)
        return read

    def of(self, catalog: Catalog) -> Outcomes:
        """As codes of a catalogue; items that it does not have are left out."""
        with self._lock:
            shown, chosen = dict(self._shown), dict(self._chosen)
        codes = catalog.items.encode(list(shown)).tolist()
        pairs = zip(codes, shown.items(), strict=True)
        return Outcomes({code: (chosen.get(item, 0), count - chosen.get(item, 0)) for code, (item, count) in pairs if code})

    def start(self) -> None:
        """Look again and again, as long as anybody goes by it."""
        self._beside.start()

    def stop(self) -> None:
        """Look no more."""
        self._beside.stop()

    def _count(self, page: Sequence[Served]) -> None:
        shown = [(one, one.user_id) for one in page if one.user_id is not None]  # of the others nobody knows what came of it
        did = {user: self.events.of_user(user) for user in {user for _, user in shown}}
        with self._lock:
            for one, user in shown:
                chosen = {event.item_id for event in following(did[user], SUCCESSES, one.at, self.window)}
                self._shown.update(one.items)
                self._chosen.update(item for item in one.items if item in chosen)
            self.version += 1


class OutcomesOf:
    """The newest counts as codes of one catalogue.

    Args:
        tallies: By item id; None where nobody counts.
        catalog: N items.
    """

    def __init__(self, tallies: Tallies | None, catalog: Catalog) -> None:
        self.tallies, self.catalog = tallies, catalog
        self._known: tuple[int, Outcomes] = (0, NOTHING)

    def now(self) -> Outcomes:
        """Of the present."""
        if self.tallies is None:
            return NOTHING
        version, (known, outcomes) = self.tallies.version, self._known
        if version != known:
            outcomes = self.tallies.of(self.catalog)
            self._known = version, outcomes
        return outcomes


def by_success(rules: Rules) -> bool:
    """Whether rules go by what came of items."""
    return any(isinstance(rule, Explore) and rule.method == "thompson" for rule in rules.rules)
