"""Queries written for items: asked for under a schema, tidied, and kept only if they find their item."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest

from penchant.core.errors import AnswerError, InputError
from penchant.items.enrich import Item
from penchant.items.queries import Fate, Query, QueryWriter, RoundTrip, by_vectors, from_words, tidy
from penchant.items.tfidf import TfidfSvd
from penchant.llm.model import Ask, Choose
from penchant.llm.scripted import Scripted
from tests.llm.test_quoting import HOSTILE

STAPLER = Item("Acme Stapler Deluxe, black", "Fastens thick reports without any effort, at school and in an office.")
TITLES = ["Acme Stapler Deluxe, black", "Garden hose, 20 m", "Ink for fountain pens", "Desk lamp with a clamp"]


def says(*queries: str) -> str:
    return json.dumps({"queries": list(queries)})


def test_a_model_writes_under_a_schema_and_what_it_writes_is_tidied() -> None:
    model = Scripted([says("Fasten Reports!", "  stapler  for school ", "..."), AnswerError("x", "it is broken", "mend it")])
    found = QueryWriter(model, count=3).write([(1, STAPLER), (2, Item("Garden hose"))])
    assert found == [Query("fasten reports", 1), Query("stapler for school", 1)], "an item without an answer has no queries"
    asked = model.asked[0]
    assert isinstance(asked, Ask)
    assert asked.schema is not None
    assert asked.schema["properties"]["queries"]["minItems"] == 3
    assert "Write 3 different queries" in asked.messages[-1].content
    with pytest.raises(InputError, match="count=0"):
        QueryWriter(model, count=0)


@pytest.mark.parametrize("text", HOSTILE)
def test_titles_of_others_stand_in_quotation_marks_and_give_no_orders(text: str) -> None:
    said = QueryWriter(Scripted([]), 2).question(Item(text, text)).messages[-1].content
    assert said.count("\n") == 2
    assert said.startswith('Title: "')
    assert "ignore all previous" not in said.casefold()


def test_without_a_model_words_of_title_and_description_are_taken_and_always_the_same() -> None:
    found = from_words(7, STAPLER)
    assert found == from_words(7, STAPLER)
    words = {"acme", "stapler", "deluxe", "black", "fastens", "reports", "effort", "thick", "school", "office"}
    assert found
    assert all(set(query.text.split()) <= words and 2 <= len(query.text.split()) <= 3 for query in found)
    assert from_words(1, Item("")) == []
    assert [query.text for query in from_words(1, Item("Heat"))] == ["heat"]


def test_a_query_is_kept_if_it_finds_its_item_and_is_no_copy_and_comes_once() -> None:
    encoder = TfidfSvd(dim=4).fit(TITLES)
    vectors = np.concatenate([np.zeros((1, encoder.dim or 0), np.float32), encoder.encode(TITLES)])
    trip = RoundTrip(TITLES, [by_vectors(encoder, vectors)], k=1, batch=2)
    queries = [
        Query("stapler black", 1),
        Query("stapler black", 1),
        Query("black deluxe stapler acme", 1),
        Query("garden", 1),
        Query("garden", 2),
        Query("no such word", 4),
    ]
    assert trip.fates(queries) == [Fate.KEPT, Fate.TWICE, Fate.COPY, Fate.LOST, Fate.KEPT, Fate.LOST]
    assert [query.item for query in trip.kept(queries)] == [1, 2]


def test_one_search_of_several_is_enough() -> None:
    def never(queries: Sequence[str], k: int) -> np.ndarray:
        return np.zeros((len(queries), k), np.int64)

    def always(queries: Sequence[str], k: int) -> np.ndarray:
        return np.tile(np.arange(1, k + 1), (len(queries), 1))

    queries = [Query("what writes", 3)]
    assert RoundTrip(TITLES, [never, always], k=4).kept(queries) == queries
    assert RoundTrip(TITLES, [never], k=4).fates(queries) == [Fate.LOST]
    with pytest.raises(InputError, match=r"searches=\(\)"):
        RoundTrip(TITLES, [])
    with pytest.raises(InputError, match="k=0"):
        RoundTrip(TITLES, [always], k=0)


def test_tidy_takes_orders_and_signs_away() -> None:
    assert tidy(' "Red  Pens?" ') == "red pens"
    assert len(tidy("word " * 40)) <= 62


def test_choices_are_not_asked_for() -> None:
    model = Scripted([says("a pen", "an ink")])
    QueryWriter(model, 2).write([(3, Item("Ink"))])
    assert not any(isinstance(one, Choose) for one in model.asked)
