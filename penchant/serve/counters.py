"""Forgetting counters in a state store: what is done most at present, and which items go together.

Each partition of the log has its own, so that workers of several partitions never write the same one; who reads adds them up.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from penchant.serve.stores import StateStore, Stored
from penchant.users.decay import DAY, Decayed

_FADED = 2.0**-40  # of one event: what is below is forgotten
_log = logging.getLogger("penchant.serve")


@dataclass(frozen=True)
class Kind:
    """A kind of counters.

    Attributes:
        prefix: Of their keys.
        half_life: Seconds.
        most: Names that each keeps.
    """

    prefix: str
    half_life: float
    most: int

    def key(self, partition: int, name: str) -> str:
        """Where one lies."""
        return f"{self.prefix}{partition}:{name}"


#: Items that are done something with at present: one counter.
TREND = Kind("trend:", DAY / 4, 500)
#: Items that the same people did something with within minutes: a counter an item.
WITH = Kind("with:", 30 * DAY, 50)


@dataclass
class Counters:
    """What a batch of events adds to the counters of one kind."""

    kind: Kind
    _new: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """Of the counters that something is added to."""
        return frozenset(self._new)

    def count(self, partition: int, counter: str, name: str, time: int) -> None:
        """Count ``name`` once, at ``time`` (UTC seconds)."""
        self._new.setdefault(self.kind.key(partition, counter), []).append((name, time))

    def added(self, found: Mapping[str, Stored | None]) -> dict[str, bytes]:
        """What is to be stored, by key.

        Args:
            found: What is stored now.
        """
        return {key: _counter(self.kind, found[key]).add(new, most=self.kind.most).to_bytes() for key, new in self._new.items()}


def totals(store: StateStore, kind: Kind, names: Sequence[str], now: int) -> list[dict[str, float]]:
    """What each of the named counters is worth at ``now``, all partitions together; what has faded away is left out.

    Raises:
        StorageError: The store cannot be read.
    """
    partitions = store.positions()
    keys = [kind.key(partition, name) for name in names for partition in partitions]
    found = store.get(keys)
    sums: list[dict[str, float]] = []
    for place in range(len(names)):
        total: dict[str, float] = {}
        for one in found[place * len(partitions) : (place + 1) * len(partitions)]:
            for item, count in _counter(kind, one).as_of(now):
                if count > _FADED:
                    total[item] = total.get(item, 0.0) + count
        sums.append(total)
    return sums


def trending(store: StateStore, now: int, limit: int = 100) -> list[tuple[str, float]]:
    """Items that many do something with at present, the most first, with their counts.

    Raises:
        StorageError: The store cannot be read.
    """
    (counts,) = totals(store, TREND, [""], now)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]


def _counter(kind: Kind, found: Stored | None) -> Decayed:
    try:
        return Decayed(kind.half_life) if found is None else Decayed.from_bytes(found.value)
    except (ValueError, TypeError) as error:
        _log.warning("counters were spoilt in the store and are begun anew: %r", error)
        return Decayed(kind.half_life)
