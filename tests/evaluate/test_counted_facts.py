"""Sentences with numbers and common categories: true ones stay, each edit is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.evaluate.counted_facts import Counted, CountedChecker
from penchant.evaluate.facts import Evidence, Names

TITLES = ["Heat (1995)", "Jaws", "Alien (1979)", "The Rock (1996)"]
CATEGORIES = ["Action", "Crime", "Home and Garden", "Home", "Thriller"]
CHECKER = CountedChecker(Names(TITLES, CATEGORIES), ["watched", "bought"])
EVIDENCE = Counted(
    "The Rock (1996)",
    ("Action", "Thriller", "Home and Garden"),
    {"Heat (1995)": frozenset({"watched"}), "Jaws": frozenset({"bought"})},
    ("Crime",),
    events=1240,
    counts={"Action": 1012, "Crime": 3, "Home and Garden": 4},
    kinds={"Heat (1995)": frozenset({"Action", "Crime", "Home and Garden"}), "Jaws": frozenset({"Action"})},
)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Fits your interest in Action: 1,012 of your 1,240 events are in Action", {("interest", "Action")}),
        ("Fits your interest in Home and Garden: 4 of your 1,240 events are in Home and Garden.", {("interest", "Home and Garden")}),
        ("Because you watched Heat (1995) (both Action)", {("had", "Heat (1995)"), ("attribute", "Action")}),
        (
            "Because you watched Heat (1995) (both Home and Garden and Action).",
            {("had", "Heat (1995)"), ("attribute", "Action"), ("attribute", "Home and Garden")},
        ),
        (
            "Because you watched Heat (1995) and bought Jaws (all Action)",
            {("had", "Heat (1995)"), ("had", "Jaws"), ("attribute", "Action")},
        ),
        ("Because you watched Heat.", {("had", "Heat (1995)")}),
    ],
)
def test_what_was_counted_is_supported(text: str, facts: set[tuple[str, str]]) -> None:
    (found,) = CHECKER.check(text, EVIDENCE)
    assert found.supported, found.wrong
    assert set(found.facts) == facts
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Fits your interest in Action: 1,013 of your 1,240 events are in Action", "1,012 of 1,240 events are in 'Action'"),
        ("Fits your interest in Action: 1,012 of your 1,241 events are in Action", "1,012 of 1,240 events are in 'Action'"),
        ("Fits your interest in Thriller: 4 of your 1,240 events are in Thriller", "0 of 1,240 events are in 'Thriller'"),
        ("Fits your interest in Crime: 3 of your 1,240 events are in Crime", "'Crime' is not among what the item is"),
        ("Fits your interest in Crime: 1,012 of your 1,240 events are in Action", "events in 'Action' are told of 'Crime'"),
        ("Fits your interest in Action: , of your 1,240 events are in Action", "1,012 of 1,240 events are in 'Action'"),
        ("Fits your interest in Action: all of your 1,240 events are in Action", "'Action' is not among"),
        ("Because you watched Heat (1995) (all Action)", "2 items are not 'all'"),
        ("Because you watched Heat (1995) and bought Jaws (both Action)", "3 items are not 'both'"),
        ("Because you watched Heat (1995) (both Crime)", "'Crime' is not among what the item is"),
        ("Because you watched Heat (1995) (both Thriller)", "'Thriller' is not among what 'Heat (1995)' is"),
        ("Because you watched Heat (1995) and bought Jaws (all Home and Garden)", "'Home and Garden' is not among what 'Jaws' is"),
        ("Because you watched Heat (1995) (both wonderful)", "nobody knows about wonderful"),
        ("Because you watched Heat (1995) (both Action and wonderful)", "nobody knows about Action and wonderful"),
        ("Because you bought Heat (1995) (both Action)", "'Heat (1995)' was not bought"),
        ("Because you watched Alien (1979) (both Action)", "the user did not have 'Alien (1979)'"),
        ("Because you never watched Heat (1995) (both Action)", "is among what the user had"),
    ],
)
def test_each_edit_is_found(text: str, wrong: str) -> None:
    (found,) = CHECKER.check(text, EVIDENCE)
    assert not found.supported
    assert found.facts == ()
    assert wrong in found.wrong


def test_without_counts_names_alone_are_looked_up() -> None:
    (found,) = CHECKER.check(
        "Fits your interest in Crime: 3 of your 9 events are in Crime", Evidence("The Rock (1996)", interests=("Crime",))
    )
    assert not found.supported


NAMES = st.sampled_from([*TITLES, *CATEGORIES, "x", ""])


@given(NAMES, NAMES, st.text("0123456789,", max_size=6), st.sampled_from(["both", "all"]))
def test_any_sentence_of_these_forms_is_looked_up_without_an_error(one: str, other: str, number: str, how: str) -> None:
    for text in (
        f"Fits your interest in {one}: {number} of your {number} events are in {other}",
        f"Because you watched {one} ({how} {other})",
    ):
        for found in CHECKER.check(text, EVIDENCE):
            assert found.supported == bool(found.facts)
