"""Changes: told once, against what was told before, and never for what only goes up and down a little."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.users.portrait_changes import Told, as_rows, changed, distance, from_rows, weights

EMPTY: dict[str, Any] = {"short": [], "long": [], "rare": [], "due": []}


def layers(**long: float) -> dict[str, Any]:
    return {**EMPTY, "long": [{"path": [name], "weight": weight} for name, weight in long.items()]}


def told(*states: dict[str, Any]) -> list[tuple[float, str, str]]:
    """(time, kind, name) of the long layer, after a first state."""
    known: Told = weights(states[0])
    found = []
    for time, state in enumerate(states[1:], start=1):
        new, known = changed(known, state, time)
        found += [(one.time, one.kind, one.path[-1]) for one in new]
    return found


def test_what_enters_leaves_and_moves() -> None:
    assert told(layers(Tea=0.9, Mug=0.1), layers(Tea=0.5, Chess=0.5)) == [(1, "left", "Mug"), (1, "fell", "Tea"), (1, "entered", "Chess")]


def test_small_steps_are_told_once_they_add_up() -> None:
    steps = [layers(Tea=0.5 + 0.02 * step) for step in range(6)]
    assert told(*steps) == [(3, "rose", "Tea")]


def test_what_swings_around_the_limit_is_told_once() -> None:
    swinging = [layers(Tea=0.9, Mug=0.015 + 0.01 * (step % 2)) for step in range(20)]
    assert told(*swinging) == []
    assert told(layers(Tea=1.0), *swinging) == [(1, "fell", "Tea"), (2, "entered", "Mug")]


def test_what_is_due_is_there_or_not() -> None:
    due = {**EMPTY, "due": [{"path": ["Food", "Tea"], "days": 3.0, "chance": 0.4}]}
    soon = {**EMPTY, "due": [{"path": ["Food", "Tea"], "days": 1.0, "chance": 0.9}]}
    assert told(layers(), due, soon, EMPTY) == [(1, "entered", "Tea"), (3, "left", "Tea")]


def test_distance_is_what_the_top_differs_by() -> None:
    one, other = {("Food",): 1.0, ("Food", "Tea"): 1.0}, {("Food",): 0.6, ("Home",): 0.4}
    assert distance(one, other) == pytest.approx(0.4)
    assert distance(one, one) == 0
    assert from_rows(as_rows(one)) == one


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("ABC"), st.floats(0.01, 1.0)), min_size=1, max_size=12))
def test_who_follows_the_changes_knows_what_is_there(states: list[dict[str, float]]) -> None:
    known: Told = weights(layers(**states[0]))
    present = dict(known["long"])
    for state in states[1:]:
        found, known = changed(known, layers(**state), 0.0)
        for one in found:
            if one.kind == "left":
                assert present.pop(one.path) == one.before
            else:
                present[one.path] = one.after
        assert present == dict(known["long"])
        assert all(abs(present[(name,)] - weight) < 0.05 for name, weight in state.items() if (name,) in present)
        assert all(weight < 0.02 for name, weight in state.items() if (name,) not in present)
        assert {path[0] for path in present} <= set(state)
