"""What is said of a recommendation, looked up: true sentences stay, edited ones are found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.evaluate.facts import Checker, Evidence, Names, precision

TITLES = [
    "Heat (1995)",
    "The Rock (1996)",
    "Toy Story (1995)",
    "Never Say Never Again (1983)",
    "It (1990)",
    "Romance (1999)",
    "Alien (1979)",
]
CATEGORIES = ["Action", "Children's", "Comedy", "Romance", "Thriller", "Sci-Fi"]
CHECKER = Checker(Names(TITLES, CATEGORIES), ["watched", "rated", "put in the cart"])
EVIDENCE = Evidence(
    "The Rock (1996)",
    ("Action", "Thriller"),
    {"Heat (1995)": frozenset({"rated"}), "Never Say Never Again (1983)": frozenset({"watched"})},
    ("Action", "Comedy"),
    "A chemist and an ex-convict enter Alcatraz.",
)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Because you rated Heat (1995).", {("had", "Heat (1995)")}),
        (
            "You rated Heat, and The Rock is an Action film, too.",
            {("had", "Heat (1995)"), ("item", "The Rock (1996)"), ("attribute", "Action")},
        ),
        ("You watched “Never Say Never Again”.", {("had", "Never Say Never Again (1983)")}),
        ("You often enjoy Comedy.", {("interest", "Comedy")}),
        ("The Rock (1996) is a Thriller about Alcatraz.", {("item", "The Rock (1996)"), ("attribute", "Thriller")}),
        ("Because you rated Heat, you may like The Rock.", {("had", "Heat (1995)"), ("item", "The Rock (1996)")}),
        ('The person often chooses "Comedy, Action".', {("interest", "Comedy"), ("interest", "Action")}),
        ("It is not a Comedy, but you like Action.", {("interest", "Action")}),
    ],
)
def test_what_is_true_is_supported_and_its_facts_are_told(text: str, facts: set[tuple[str, str]]) -> None:
    (found,) = CHECKER.check(text, EVIDENCE)
    assert found.supported, found.wrong
    assert set(found.facts) == facts


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Because you rated Toy Story (1995).", "the user did not have 'Toy Story (1995)'"),
        ("Because you watched Heat.", "'Heat (1995)' was not watched"),
        ("You have never rated Heat (1995).", "is among what the user had"),
        ("The Rock is a Comedy.", "'Comedy' is not among what the item is"),
        ("The Rock isn't an Action film.", "'Action' is among what the item is"),
        ("You often enjoy Romance.", "'Romance' is not among the user's interests"),
        ('You rated "The Sock".', "nothing of the catalogue is called 'The Sock'"),
        ("A wonderful film for you.", "nobody knows about wonderful|nothing in it"),
        ("The Rock, an Action film, won seven Oscars.", "nobody knows about won, seven, oscars"),
        ("You rated Heat and The Rock.", "'The Rock (1996)' is what is recommended"),
        ("The person often chooses The Rock.", "'The Rock (1996)' is what is recommended"),
        ("You like it.", "nothing in it can be looked up"),
    ],
)
def test_what_is_not_borne_out_is_told_with_its_reason(text: str, wrong: str) -> None:
    (found,) = CHECKER.check(text, EVIDENCE)
    assert not found.supported
    assert any(one in found.wrong for one in wrong.split("|")), found.wrong


def test_wrong_sentences_are_dropped_and_the_others_kept() -> None:
    text = "You rated Heat (1995). You rated Toy Story (1995). The Rock is an Action film!"
    assert CHECKER.kept(text, EVIDENCE) == "You rated Heat (1995). The Rock is an Action film!"
    assert precision(CHECKER.check(text, EVIDENCE)) == pytest.approx(2 / 3)
    assert precision([]) == 0.0
    assert CHECKER.check("", EVIDENCE) == []


def test_names_are_the_longest_and_single_words_need_a_sign() -> None:
    names = Names(["Alien (1979)", "Aliens vs. Heat (2000)", "It (1990)"], ["Sci-Fi", "It"])
    assert [(one.kind, *one.names) for one in names.find("you saw Alien and Aliens vs. Heat")] == [
        ("title", "Alien (1979)"),
        ("title", "Aliens vs. Heat (2000)"),
    ]
    assert names.find("an alien came") == []
    assert [one.kind for one in names.find("a sci-fi film")] == ["category"]
    assert [one.kind for one in names.find('he said "It" is good')] == ["title"]


@given(st.text(max_size=200))
def test_any_text_is_looked_up_without_an_error(text: str) -> None:
    for one in CHECKER.check(text, EVIDENCE):
        assert one.supported == bool(one.facts)
