"""Head and tail at present, decided from the worker's forgetting counters and kept in the state store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from math import nan

from prometheus_client import CollectorRegistry, Gauge

from penchant.core.errors import StorageError
from penchant.items.live_tiers import LiveTiers, TierSettings
from penchant.serve.counters import trending
from penchant.serve.lately import Every, Lately
from penchant.serve.stores import StateStore, Stored, Write

KEY = "tiers"
_PERIOD = 5.0  # seconds between two decisions, and that what was read is used for
_log = logging.getLogger("penchant.serve")


class Tiers:
    """The tiers of items, shared by all processes over a store. Of those that decide at the same time one does.

    Args:
        store: Of the counters, and of the tiers.
        settings: The marks, in events that are worth half after six hours.
        clock: UTC seconds.
    """

    def __init__(self, store: StateStore, settings: TierSettings | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.store, self.settings, self._clock = store, settings or TierSettings(), clock
        self._decided = Every(_PERIOD, clock)
        self._tiers = Lately(self._load, LiveTiers(), _PERIOD, clock)

    def step(self) -> bool:
        """Decide, if the last time was some seconds ago; whether something changed.

        Raises:
            StorageError: The store does not do what is asked.
        """
        if not self._decided.due():
            return False
        now = self._clock()
        (found,) = self.store.get([KEY])
        before = _tiers(found)
        after = before.after(dict(trending(self.store, int(now), limit=10 * self.settings.most)), now, self.settings)
        if after == before or not self.store.put({KEY: Write(after.to_bytes(), 0 if found is None else found.version)}):
            return False
        self._tiers.put(after)
        return after.flips != before.flips

    def current(self) -> LiveTiers:
        """As of a few seconds ago.

        Raises:
            StorageError: The store cannot be read.
        """
        return self._tiers.now()

    def observe(self, registry: CollectorRegistry) -> None:
        """Tell Prometheus, whichever process decides; NaN where the store cannot be read."""

        def told(read: Callable[[LiveTiers], int]) -> Callable[[], float]:
            def value() -> float:
                try:
                    return read(self.current())
                except StorageError:
                    return nan

            return value

        heads = Gauge("penchant_head_items", "Items that are head at present.", registry=registry)
        heads.set_function(told(lambda tiers: len(tiers.heads)))
        flips = Gauge("penchant_tier_flips", "Promotions and demotions ever made, as the store has counted them.", registry=registry)
        flips.set_function(told(lambda tiers: tiers.flips))

    def _load(self) -> LiveTiers:
        (found,) = self.store.get([KEY])
        return _tiers(found)


def _tiers(found: Stored | None) -> LiveTiers:
    try:
        return LiveTiers() if found is None else LiveTiers.from_bytes(found.value)
    except ValueError as error:
        _log.warning("the tiers of items were spoilt in the store and are begun anew: %r", error)
        return LiveTiers()
