"""What changed in a portrait: interests that entered, left, or came to count more or less.

A change is told against what was told before, not against the portrait of a moment ago: many small steps are one change once they
have added up, and what goes up and down around a limit is told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["entered", "left", "rose", "fell"]
#: Weights by path, a layer each: what has been told of a portrait.
Told = Mapping[str, Mapping[tuple[str, ...], float]]

_MOVES = {"short": 0.1, "long": 0.05, "rare": 1.0, "due": 1.0}  # layers that are followed, and what a weight moves until it is told
_ENTERS = 0.02  # weight from which an interest is there; it has left when its layer tells it no more, which is below that


@dataclass(frozen=True)
class Change:
    """One thing that became different.

    Attributes:
        time: UTC seconds at which it was found.
        layer: Of the portrait.
        path: The interest, names from broad to narrow.
        before, after: Its weights (of what is due the chance); 0 where it was not there.
    """

    time: float
    layer: str
    path: tuple[str, ...]
    kind: Kind
    before: float
    after: float


def weights(layers: Mapping[str, Any]) -> dict[str, dict[tuple[str, ...], float]]:
    """Weights by path of a portrait in key-value form, for the layers that are followed."""
    return {name: {tuple(one["path"]): one.get("weight", one.get("chance", 0.0)) for one in layers[name]} for name in _MOVES}


def changed(told: Told, layers: Mapping[str, Any], time: float) -> tuple[list[Change], Told]:
    """What is different from what was told, the least first, and what has been told then.

    Args:
        told: Of the portrait of before.
        layers: The portrait of now in key-value form, see ``Portrait.plain``.
        time: Of the changes, UTC seconds.
    """
    found: list[Change] = []
    after: dict[str, dict[tuple[str, ...], float]] = {}
    for layer, now in weights(layers).items():
        before, known = told.get(layer, {}), {}
        for path, weight in now.items():
            old = before.get(path)
            if old is None and weight >= (_ENTERS if layer in {"short", "long"} else 0.0):
                found.append(Change(time, layer, path, "entered", 0.0, weight))
                known[path] = weight
            elif old is not None and abs(weight - old) >= _MOVES[layer]:
                found.append(Change(time, layer, path, "rose" if weight > old else "fell", old, weight))
                known[path] = weight
            elif old is not None:
                known[path] = old
        found += [Change(time, layer, path, "left", old, 0.0) for path, old in before.items() if path not in now]
        after[layer] = known
    return sorted(found, key=lambda one: abs(one.after - one.before)), after


def distance(one: Mapping[tuple[str, ...], float], other: Mapping[tuple[str, ...], float]) -> float:
    """How far two sets of interests are apart, 0..1: half of what their weights at the top of the tree differ by, together."""
    tops = {path for path in (*one, *other) if len(path) == 1}
    return sum(abs(one.get(path, 0.0) - other.get(path, 0.0)) for path in tops) / 2


def as_rows(told: Mapping[tuple[str, ...], float]) -> list[list[Any]]:
    """JSON values: a path and a weight each."""
    return [[list(path), weight] for path, weight in told.items()]


def from_rows(rows: Sequence[Sequence[Any]]) -> dict[tuple[str, ...], float]:
    """What ``as_rows`` gave."""
    return {tuple(path): float(weight) for path, weight in rows}
