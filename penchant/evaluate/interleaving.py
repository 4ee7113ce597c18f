"""Two rankings in one list: whose items are chosen more often is the better one.

Everybody sees both at once, so far fewer people are needed than where each sees one.

Source: Radlinski, Kurup and Joachims, "How does clickthrough data reflect retrieval quality?" (CIKM 2008), section 4: team
draft. In each round a coin decides who picks first, and each ranking adds its best item that is not in the list yet.

Letters: k places.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

FIRST, SECOND = 0, 1


@dataclass(frozen=True)
class Drafted:
    """An interleaved list.

    Attributes:
        items: At most k, best first.
        teams: Of each place: 0 where the first ranking put it there, 1 where the second did.
    """

    items: tuple[int, ...]
    teams: tuple[int, ...]


def team_draft(first: Sequence[int], second: Sequence[int], k: int, rng: np.random.Generator) -> Drafted:
    """Draft a list of k from two rankings of distinct items.

    Args:
        first: Items of the one, best first.
        second: Items of the other.
        k: Length, at least 0; the list is shorter where both rankings end.
        rng: The coin.
    """
    rankings, at = (first, second), [0, 0]
    items: list[int] = []
    teams: list[int] = []
    taken: set[int] = set()
    while len(items) < k:
        before = len(items)
        coin = int(rng.integers(2))
        for team in (coin, 1 - coin):
            ranking = rankings[team]
            while at[team] < len(ranking) and ranking[at[team]] in taken:
                at[team] += 1
            if at[team] < len(ranking) and len(items) < k:
                taken.add(ranking[at[team]])
                items.append(ranking[at[team]])
                teams.append(team)
        if len(items) == before:
            break
    return Drafted(tuple(items), tuple(teams))


def credit(drafted: Drafted, chosen: Collection[int]) -> int:
    """1 where more items of the second team were chosen, -1 where more of the first, 0 where as many."""
    won = [sum(team == side for item, team in zip(drafted.items, drafted.teams, strict=True) if item in chosen) for side in (FIRST, SECOND)]
    return int(np.sign(won[SECOND] - won[FIRST]))
