"""What is out of stock at present, the same for all servers that share a state store."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection

import numpy as np

from penchant.core.errors import PenchantError, StorageError
from penchant.data.catalog import Catalog
from penchant.serve.stores import StateStore, Write

KEY = "stock"
MOST = 100_000  # items that may be out of stock
_FRESH = 1.0  # seconds that a list is used for
_TRIES = 20  # against others who write


class Stock:
    """Items that are out of stock.

    Args:
        store: Where the list is kept; None: in this process alone.
        clock: Seconds that go on and on.
    """

    def __init__(self, store: StateStore | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self._clock = store, clock
        self._ids: frozenset[str] = frozenset()
        self._until, self._lock = -np.inf, threading.Lock()

    def out(self) -> frozenset[str]:
        """Item ids; those of a moment ago where the store cannot be read."""
        if self.store is not None and self._clock() >= self._until:
            self._until = self._clock() + _FRESH
            try:
                ids = self._read(self.store)[0]
            except PenchantError:
                return self._ids
            if ids != self._ids:
                self._ids = ids
        return self._ids

    def change(self, out: Collection[str], back: Collection[str]) -> frozenset[str]:
        """Take items out of stock, and others back in; what is out then.

        Raises:
            StorageError: There would be too many, or the store did not do what was asked.
        """
        with self._lock:
            for _ in range(_TRIES):
                known, version = (self._ids, 0) if self.store is None else self._read(self.store)
                after = (known | frozenset(out)) - frozenset(back)
                if len(after) > MOST:
                    raise StorageError(f"{len(after):,} items", f"at most {MOST:,} may be out of stock", "make a release without them")
                if self.store is None or self.store.put({KEY: Write(json.dumps(sorted(after)).encode(), version)}):
                    self._ids, self._until = after, self._clock() + _FRESH
                    return after
        raise StorageError(f"{_TRIES} tries", "others kept changing the stock", "try again")

    @staticmethod
    def _read(store: StateStore) -> tuple[frozenset[str], int]:
        (found,) = store.get([KEY])
        try:
            return (frozenset(), 0) if found is None else (frozenset(json.loads(found.value)), found.version)
        except (ValueError, TypeError) as error:
            raise StorageError("the stock", f"what is kept cannot be read ({error})", "delete the key `stock` of the store") from error


class StockOf:
    """The same as codes of one catalogue.

    Args:
        stock: Of all.
        catalog: N items; others are skipped.
    """

    def __init__(self, stock: Stock, catalog: Catalog) -> None:
        self.stock, self.catalog = stock, catalog
        self._known: tuple[frozenset[str], np.ndarray] = (frozenset(), np.zeros(0, np.int32))

    def codes(self) -> np.ndarray:
        """int32[m], items that are out of stock."""
        ids, (known, codes) = self.stock.out(), self._known
        if ids is not known:
            found = self.catalog.items.encode(sorted(ids))
            codes = found[found > 0]
            self._known = ids, codes
        return codes
