"""Selection: candidates take the places of a list one after the other, as far as quotas and spacing let them.

Quotas are laws, spacing is a wish. What "at least" quotas need is reserved before the first place is given away, and its room
below "at most" quotas with it; so they hold whenever what was reserved could hold. Where several of them compete, the
earlier ones are served first.

Letters: C candidates in the order of preference, k places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cap:
    """At most ``most`` of each key.

    Attributes:
        keys: int[C], small numbers; 0 is not counted.
    """

    keys: np.ndarray
    most: int


@dataclass(frozen=True)
class Floor:
    """At least ``least`` members.

    Attributes:
        members: bool[C].
    """

    members: np.ndarray
    least: int


@dataclass(frozen=True)
class Gap:
    """At most ``most`` of each key within ``window`` neighbouring places.

    Attributes:
        keys: int[C]; 0 is not counted.
    """

    keys: np.ndarray
    window: int
    most: int


@dataclass(frozen=True)
class Draws:
    """Places that go by chance.

    Attributes:
        members: bool[C], who may get one.
        chance: Of each place.
        keep_first: Places before that are not given away.
        most: Places given away, at most.
        chances: From places int[E] of candidates to float[E], of each to be drawn.
        random: Where chance comes from.
    """

    members: np.ndarray
    chance: float
    keep_first: int
    most: int
    chances: Callable[[np.ndarray], np.ndarray]
    random: np.random.Generator


@dataclass(frozen=True)
class Selected:
    """Who took the places, in order.

    Attributes:
        places: int64[m], m at most k, of the candidates.
        propensities: float64[m], the probability that this candidate took this place, given those above and how they came
            there; 1 where nothing was left to chance.
        drawn: bool[m], whether it was drawn.
    """

    places: np.ndarray
    propensities: np.ndarray
    drawn: np.ndarray


def select(
    count: int,
    k: int,
    caps: Sequence[Cap] = (),
    floors: Sequence[Floor] = (),
    gaps: Sequence[Gap] = (),
    draws: Draws | None = None,
) -> Selected:
    """Fill at most k places with C = ``count`` candidates. Of those that may take a place, the first in order does."""
    tallies = [_Tally(cap) for cap in caps]
    reserved = _reserved(count, k, tallies, floors)
    waiting, chosen = np.ones(count, bool), []
    propensities: list[float] = []
    drawn: list[bool] = []
    while len(chosen) < min(k, count):
        open_ = _open(waiting, tallies, reserved, left=k - len(chosen))
        wished = _wished(open_, gaps, chosen)
        pick = int(np.argmax(wished))
        if not wished[pick]:
            break
        propensity, by_chance = 1.0, False
        if draws is not None and len(chosen) >= draws.keep_first and sum(drawn) < draws.most:
            pick, propensity, by_chance = _draw(pick, wished, draws)
        waiting[pick] = False
        chosen.append(pick)
        propensities.append(propensity)
        drawn.append(by_chance)
        if pick not in reserved:  # else its room is taken already
            for tally in tallies:
                tally.add(pick)
        if floors:
            kept = _still_needed(reserved, chosen, floors)
            for one in reserved:
                if one not in kept and one != pick:
                    for tally in tallies:
                        tally.add(one, -1)
            reserved = kept
    return Selected(np.array(chosen, np.int64), np.array(propensities), np.array(drawn, bool))


class _Tally:
    """How much of a cap is used up."""

    def __init__(self, cap: Cap) -> None:
        self.cap, self.used = cap, np.zeros(int(cap.keys.max(initial=0)) + 1, np.int64)
        self._full: np.ndarray | None = None

    def add(self, candidate: int, number: int = 1) -> None:
        key = self.cap.keys[candidate]
        if key:
            self.used[key] += number
            self._full = None

    def allows(self, candidate: int) -> bool:
        key = self.cap.keys[candidate]
        return not key or bool(self.used[key] < self.cap.most)

    @property
    def full(self) -> np.ndarray:
        """bool[C], whose key is used up."""
        if self._full is None:
            full = self.used >= self.cap.most
            full[0] = False
            self._full = full[self.cap.keys]
        return self._full


def _reserved(count: int, k: int, tallies: Sequence[_Tally], floors: Sequence[Floor]) -> list[int]:
    """The first candidates that satisfy the floors, one floor after the other; they take up room at once."""
    reserved: list[int] = []
    for floor in floors:
        missing = floor.least - int(floor.members[reserved].sum())
        for one in np.flatnonzero(floor.members).tolist():
            if missing <= 0 or len(reserved) >= k:
                break
            if one not in reserved and all(tally.allows(one) for tally in tallies):
                reserved.append(one)
                missing -= 1
                for tally in tallies:
                    tally.add(one)
    return sorted(reserved)


def _still_needed(reserved: Sequence[int], chosen: Sequence[int], floors: Sequence[Floor]) -> list[int]:
    """Those reserved that the floors still wait for."""
    kept: list[int] = []
    for floor in floors:
        missing = floor.least - int(floor.members[chosen].sum()) - int(floor.members[kept].sum())
        for one in reserved:
            if missing > 0 and one not in chosen and one not in kept and floor.members[one]:
                kept.append(one)
                missing -= 1
    return sorted(kept)


def _open(waiting: np.ndarray, tallies: Sequence[_Tally], reserved: Sequence[int], left: int) -> np.ndarray:
    """bool[C], who may take the next place by law."""
    if len(reserved) >= left:
        found = np.zeros(len(waiting), bool)
    else:
        found = waiting
        for tally in tallies:
            found = found & ~tally.full
    if reserved:
        found = found.copy()
        found[list(reserved)] = True
    return found


def _wished(open_: np.ndarray, gaps: Sequence[Gap], chosen: Sequence[int]) -> np.ndarray:
    """Of these, who may take it by the spacing too: wishes are kept in their order, each where that leaves anybody."""
    for gap in gaps:
        near = gap.keys[chosen[-(gap.window - 1) :]].tolist() if gap.window > 1 and chosen else []
        if len(near) < gap.most:
            continue
        used_up = [key for key in set(near) if key and near.count(key) >= gap.most]
        if used_up:
            kept = open_.copy()
            for key in used_up:
                kept &= gap.keys != key
            open_ = kept if kept.any() else open_
    return open_


def _draw(pick: int, wished: np.ndarray, draws: Draws) -> tuple[int, float, bool]:
    """The first in order or one by chance, how probable it was, and whether it was drawn."""
    among = np.flatnonzero(wished & draws.members)
    if not len(among):
        return pick, 1.0, False
    by_chance = bool(draws.random.random() < draws.chance)
    if not by_chance and not draws.members[pick]:
        return pick, 1 - draws.chance, False
    chances = draws.chances(among)
    taken = int(draws.random.choice(among, p=chances)) if by_chance else pick
    drawn = float(chances[among == taken].sum())
    return taken, draws.chance * drawn + (1 - draws.chance) * (taken == pick), by_chance
