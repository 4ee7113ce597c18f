"""Search by words: as one types, forgiving, and deaf to query syntax."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.search.lexical import LexicalIndex

TITLES = ["Toy Story", "Star Wars", "The Godfather", "Café Amélie", "Star Trek", "東京物語", "Wars of Toys"]
CATALOG = Catalog(
    pl.DataFrame(
        {
            "item_id": [str(place) for place in range(len(TITLES))],
            "title": TITLES,
            "brand": ["Pixar", None, None, None, None, "Shochiku", None],
            "categories": [["Animation"], ["Space"], ["Crime"], [], ["Space"], [], []],
            "description": [None, "a war among the stars", None, None, None, None, None],
        }
    )
)
INDEX = LexicalIndex(CATALOG)


def titles(query: str, k: int = 5) -> list[str]:
    return [TITLES[item - 1] for item in INDEX.search(query, k)[0]]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("star wars", "Star Wars"),
        ("toy", "Toy Story"),
        ("godf", "The Godfather"),
        ("godfahter", "The Godfather"),
        ("cafe amelie", "Café Amélie"),
        ("pixar", "Toy Story"),
        ("東京物語", "東京物語"),
    ],
)
def test_finds_what_was_meant(query: str, first: str) -> None:
    assert titles(query)[0] == first


def test_categories_and_descriptions_count_too() -> None:
    assert set(titles("space")) >= {"Star Wars", "Star Trek"}
    assert "Star Wars" in titles("among")


def test_scores_fall_and_items_are_distinct() -> None:
    items, scores = INDEX.search("star wars toys", 7)
    assert len(set(items.tolist())) == len(items)
    assert (np.diff(scores) <= 0).all()


@pytest.mark.parametrize("query", ["title:star AND (", '"', "star~9 *:*", "item:[0 TO 9]", "\\", '+-!(){}[]^"~*?:'])
def test_syntax_is_only_text(query: str) -> None:
    assert "Toy Story" not in titles(query)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_answered(query: str) -> None:
    items, scores = INDEX.search(query, 3)
    assert len(items) == len(scores) <= 3


def test_a_megabyte_is_cut() -> None:
    assert len(INDEX.words("star " * 200_000)) == 16
    assert titles("star " * 200_000)[0].startswith("Star")


def test_k_below_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"k=0: .*; pass k>=1"):
        INDEX.search("star", 0)
