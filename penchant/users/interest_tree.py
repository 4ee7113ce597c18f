"""Interests as a tree whose weights add up: a branch is its children and a rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from penchant.users.portrait import Interest


@dataclass(frozen=True)
class Branch:
    """A category with what is below it.

    Attributes:
        path: Names from broad to narrow; empty of the whole.
        weight: Share of the events, 0..1: the children's and the rest.
        rest: Of that, what ends here, or lies in categories too small to be told.
        evidence: Items of the newest events in it.
        children: By weight.
    """

    path: tuple[str, ...]
    weight: float
    rest: float
    evidence: tuple[int, ...]
    children: tuple[Branch, ...]


def tree_of(interests: Sequence[Interest]) -> Branch:
    """The tree of one layer, see ``Portrait.long``; weight 1, and 0 where there are no interests."""
    below: dict[tuple[str, ...], list[Interest]] = defaultdict(list)
    for one in interests:
        below[one.path[:-1]].append(one)

    def branch(path: tuple[str, ...], weight: float, evidence: tuple[int, ...]) -> Branch:
        children = tuple(branch(one.path, one.weight, one.evidence) for one in sorted(below[path], key=lambda one: -one.weight))
        return Branch(path, weight, max(weight - sum(child.weight for child in children), 0.0), evidence, children)

    return branch((), 1.0 if interests else 0.0, ())
