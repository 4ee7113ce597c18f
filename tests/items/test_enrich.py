"""Items in a model's words: what the item's own text does not bear out is dropped."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.items.enrich import PLAIN, Enricher, Item, plainly, strange
from penchant.llm.model import Choose, Completion
from tests.llm.test_labels import Prefers

ITEM = Item(
    "Avery Two-Pocket Folders, Dark Blue, Box of 25 (47985)",
    "Keep reports and loose papers together. Each pocket holds up to 20 sheets! Made in the USA.",
)


def written(short: str, summary: str) -> Completion:
    return Completion(json.dumps({"short_title": short, "summary": summary}))


def test_words_that_the_item_bears_out_are_kept() -> None:
    found = Enricher(Prefers()).enriched(
        ITEM, written("Avery Dark Blue Folders", "Two pockets hold 20 sheets of loose paper."), {"use": "office"}
    )
    assert (found.short_title, found.summary) == ("Avery Dark Blue Folders", "Two pockets hold 20 sheets of loose paper.")
    assert (found.author, found.dropped, dict(found.attributes)) == ("prefers", (), {"use": "office"})


def test_what_was_made_up_is_dropped_sentence_by_sentence() -> None:
    enricher, plain = Enricher(Prefers()), plainly(ITEM)
    found = enricher.enriched(ITEM, written("Leather Folders", "Each pocket holds 20 sheets. Recommended by teachers."), {})
    assert (found.short_title, found.summary, found.author) == (plain.short_title, "Each pocket holds 20 sheets.", "prefers")
    assert found.dropped == ("Leather Folders", "Recommended by teachers.")
    found = enricher.enriched(ITEM, written("", "A luxury."), {})
    assert (found.short_title, found.summary, found.author) == (plain.short_title, plain.summary, PLAIN)
    found = enricher.enriched(ITEM, None, {})
    assert (found.short_title, found.author) == (plain.short_title, PLAIN)


def test_without_a_model_titles_end_where_their_first_part_does() -> None:
    found = plainly(ITEM)
    assert found.short_title == "Avery Two-Pocket Folders"
    assert found.summary == "Keep reports and loose papers together."
    assert plainly(Item("Heat")).short_title == "Heat"
    assert plainly(Item("word " * 40)).short_title.endswith(" …")


def test_strange_words_are_told_and_endings_forgiven() -> None:
    assert strange("Pockets holding paper", ITEM) == []
    assert strange("Pockets of leather", ITEM) == ["leather"]


def test_questions_are_of_a_schema_and_of_closed_sets() -> None:
    asked = Enricher(Prefers(), {"audience": ("children", "adults")}).questions(ITEM)
    assert list(asked) == ["words", "audience"]
    choose = asked["audience"]
    assert isinstance(choose, Choose)
    assert choose.options == ("children", "adults")
    assert "audience" in choose.messages[0].content
    with pytest.raises(InputError, match="options"):
        Enricher(Prefers(), {"audience": ()})


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=60), st.text(max_size=80))
def test_whatever_was_written_every_word_kept_is_the_items(title: str, description: str, short: str, summary: str) -> None:
    item = Item(title, description)
    found = Enricher(Prefers()).enriched(item, written(short, summary), {})
    assert not strange(found.short_title.removesuffix(" …"), item)
    assert not strange(found.summary.removesuffix(" …"), item)
