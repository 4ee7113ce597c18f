"""Ids of a few items at a time, in the path of a request: a column's own look-up costs as much for few as for many."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

from penchant.data.catalog import Catalog

_known: WeakKeyDictionary[Catalog, list[str]] = WeakKeyDictionary()


def names(catalog: Catalog, codes: Iterable[int]) -> list[str]:
    """Item ids of codes in 1..N, as ``catalog.items.decode`` tells them. The first call for a catalogue makes a list of all."""
    found = _known.get(catalog)
    if found is None:
        found = _known[catalog] = catalog.items.ids.to_list()
    return [found[code - 1] for code in codes]
