"""What differs between two lists for the same person, item by item, and why.

Letters: G generators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from penchant.data.catalog import Catalog
from penchant.pipeline.merge import RANK_OFFSET
from penchant.pipeline.recommender import Recommendation


@dataclass(frozen=True)
class Shift:
    """An item that stands elsewhere.

    Attributes:
        item_id: Which.
        before: Its place in the one list, from 1; None: not there.
        after: Its place in the other.
        why: What made the difference, as far as the stages tell.
    """

    item_id: str
    before: int | None
    after: int | None
    why: str


def shifts(before: Recommendation, after: Recommendation, old: Catalog, new: Catalog) -> list[Shift]:
    """Every item that stands elsewhere, those of the one list first, in its order.

    Args:
        before: The one list.
        after: The other.
        old: Catalogue of the one.
        new: Catalogue of the other.
    """
    one, other = _Stages.of(before, old), _Stages.of(after, new)
    items = dict.fromkeys([*one.places, *other.places])
    return [
        Shift(item, one.places.get(item), other.places.get(item), _why(item, one, other, old, new))
        for item in items
        if one.places.get(item) != other.places.get(item)
    ]


@dataclass(frozen=True)
class _Stages:
    """Where items stood, from 1, by their ids.

    Attributes:
        places: In the list.
        ranks: By generator.
        kept_out: Items that must not be shown.
        merged: Among all candidates, before a ranker.
        ranked: The same after it; of all candidates as merged where there is none.
        left_out: Candidates that were left out as bad matches.
    """

    places: dict[str, int]
    ranks: dict[str, dict[str, int]]
    kept_out: frozenset[str]
    merged: dict[str, int]
    ranked: dict[str, int]
    left_out: frozenset[str]

    @classmethod
    def of(cls, found: Recommendation, catalog: Catalog) -> _Stages:
        places = {one.item_id: place for place, one in enumerate(found.suggestions, start=1)}
        ranks = {name: _places(catalog.items.decode(one.items[0][one.items[0] > 0])) for name, one in found.lists.items()}
        kept_out = [] if found.kept_out is None else catalog.items.decode(np.flatnonzero(found.kept_out[1:]) + 1)
        ranked = {} if found.merged is None else _places(catalog.items.decode(found.merged.items))
        merged = ranked if found.unranked is None else _places(catalog.items.decode(found.unranked))
        return cls(places, ranks, frozenset(kept_out), merged, ranked, frozenset(catalog.items.decode(found.left_out)))

    def moved(self, item: str) -> str:
        """What the ranker did to an item; empty where it did nothing."""
        before, after = self.merged.get(item), self.ranked.get(item)
        return "" if before == after else f"from place {before} to {after} of the candidates"

    def rank(self, generator: str, item: str) -> int | None:
        """Place that a generator gave an item."""
        return self.ranks.get(generator, {}).get(item)


def _places(items: list[str]) -> dict[str, int]:
    return {item: place for place, item in enumerate(items, start=1)}


def _why(item: str, one: _Stages, other: _Stages, old: Catalog, new: Catalog) -> str:
    for catalog, then in ((old, "the first"), (new, "the second")):
        if item not in catalog.items:
            return f"not in {then} catalogue"
    for stages, then in ((one, "first"), (other, "second")):
        if item in stages.kept_out:
            return f"must not be shown in the {then}: seen, hidden, out of stock, blocked, or left out by a rule"
        if item in stages.left_out:
            return f"left out as a bad match in the {then}"
    changed = [
        (_weight(one.rank(name, item)) - _weight(other.rank(name, item)), name) for name in dict.fromkeys([*one.ranks, *other.ranks])
    ]
    change, name = max(changed, key=lambda found: abs(found[0]), default=(0.0, ""))
    if not change:
        first, second = one.moved(item) or "nowhere", other.moved(item) or "nowhere"
        if first != second:
            return f"generators rank it as before; the ranker moves it {first} in the first, {second} in the second"
        return "generators rank it as before: others moved, or rules put it there"
    for stages, then in ((one, "first"), (other, "second")):
        if name not in stages.ranks:
            return f"{name} took no part in the {then}; {_told(other if stages is one else one, name, item)} in the other"
    return f"{name}: {_told(one, name, item)}, then {_told(other, name, item)}"


def _weight(rank: int | None) -> float:
    """What a rank is worth in the merge, but for the generator's weight."""
    return 0.0 if rank is None else 1.0 / (RANK_OFFSET + rank)


def _told(stages: _Stages, name: str, item: str) -> str:
    rank = stages.rank(name, item)
    return "not named" if rank is None else f"place {rank}"
