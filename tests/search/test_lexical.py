"""Search by words: as one types, forgiving, and deaf to query syntax."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError, InputError, StorageError
from penchant.data.catalog import Catalog
from penchant.search.lexical import Hits, LexicalIndex

TITLES = [
    "Toy Story",
    "Star Wars",
    "The Godfather",
    "Café Amélie",
    "Star Trek",
    "東京物語",
    "Wars of Toys",
    "Starlight",
    "Children's Hour",
    None,
]
CATALOG = Catalog(
    pl.DataFrame(
        {
            "item_id": [str(place) for place in range(len(TITLES))],
            "title": TITLES,
            "brand": ["Pixar", None, None, None, None, "Shochiku", None, None, None, None],
            "categories": [["Animation"], ["Space"], ["Crime"], [], ["Space"], [], [], ["Poetry"], None, None],
            "description": [None, "a war among the stars", None, None, None, None, None, "of toy ships", None, None],
        }
    )
)
EVENTS = np.array([0, 50, 9, 30, 1, 99, 0, 5, 2, 4, 7])


@pytest.fixture(scope="module")
def index() -> LexicalIndex:
    return LexicalIndex.build(CATALOG, EVENTS)


def titles(index: LexicalIndex, query: str, k: int = 10) -> list[str | None]:
    return [TITLES[item - 1] for item in index.search(query, k).items]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("star wars", "Star Wars"),
        ("wars star", "Star Wars"),
        ("toy", "Toy Story"),
        ("godf", "The Godfather"),
        ("godfahter", "The Godfather"),
        ("godfther", "The Godfather"),
        ("GODFATHER!!", "The Godfather"),
        ("cafe amelie", "Café Amélie"),
        ("pixar", "Toy Story"),
        ("東京物語", "東京物語"),
        ("物語", "東京物語"),
        ("childrens", "Children's Hour"),
        ("poet", "Starlight"),
    ],
)
def test_finds_what_was_meant(index: LexicalIndex, query: str, first: str) -> None:
    assert titles(index, query)[0] == first


def test_only_the_last_word_may_be_unfinished(index: LexicalIndex) -> None:
    assert titles(index, "star wa") == ["Star Wars"]
    assert "Star Wars" not in titles(index, "st toys")


def test_short_words_must_be_right(index: LexicalIndex) -> None:
    assert titles(index, "tpy") == []
    assert titles(index, "sttr") == []


def test_categories_and_descriptions_count_less_than_titles(index: LexicalIndex) -> None:
    assert set(titles(index, "space")) == {"Star Wars", "Star Trek"}
    assert titles(index, "among") == ["Star Wars"]
    assert titles(index, "toy") == ["Toy Story", "Wars of Toys", "Starlight"]  # in full, as a beginning, in the description


def test_popularity_decides_between_equals(index: LexicalIndex) -> None:
    assert titles(index, "star")[:2] == ["Star Trek", "Star Wars"]
    assert titles(LexicalIndex.build(CATALOG, np.where(np.arange(11) == 2, 500, EVENTS)), "star")[:2] == ["Star Wars", "Star Trek"]
    assert titles(LexicalIndex.build(CATALOG), "space") == ["Star Wars", "Star Trek"]  # catalogue order


def test_items_with_most_of_the_words_come_alone(index: LexicalIndex) -> None:
    most = index.search("a war among the purple stars", 10)
    assert [TITLES[item - 1] for item in most.items] == ["Star Wars"] and not most.partial
    some = index.search("purple elephants in space", 10)
    assert {TITLES[item - 1] for item in some.items} == {"Star Wars", "Star Trek"} and some.partial
    none = index.search("purple elephants", 10)
    assert len(none) == 0


def test_it_knows_an_unfinished_word(index: LexicalIndex) -> None:
    assert index.search("godf", 3).unfinished
    assert not index.search("star", 3).unfinished  # begins "starlight", but is a word itself
    assert not index.search("godfahter", 3).unfinished  # misspelt


def test_scores_fall_and_k_is_kept(index: LexicalIndex) -> None:
    found = index.search("star", 10)
    assert isinstance(found, Hits) and found.items.dtype == np.int32 and found.scores.dtype == np.float32
    assert len(set(found.items.tolist())) == len(found) > 2
    assert (np.diff(found.scores) <= 0).all()
    assert index.search("star", 2).items.tolist() == found.items[:2].tolist()


@pytest.mark.parametrize("query", ["title:godfather AND (", '"', "star~9 *:*", "item:[0 TO 9]", "\\", '+-!(){}[]^"~*?:', "* OR godfather"])
def test_syntax_is_only_text(index: LexicalIndex, query: str) -> None:
    assert "Toy Story" not in titles(index, query)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_is_answered_or_refused_as_blank(index: LexicalIndex, query: str) -> None:
    try:
        assert len(index.search(query, 3)) <= 3
    except InputError as error:
        assert error.rule == "a search needs something to look for"


def test_a_megabyte_is_cut(index: LexicalIndex) -> None:
    start = time.perf_counter()
    assert titles(index, "star " * 200_000)[0] == "Star Trek"
    assert len(index.search("x" * 1_000_000, 3)) == 0
    assert len(index.search("".join(chr(0x4E00 + n % 5000) for n in range(300_000)), 3)) <= 3
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("k", [0, 11])
def test_k_outside_the_catalogue_is_refused(index: LexicalIndex, k: int) -> None:
    with pytest.raises(InputError, match=f"k={k}: a list holds 1 to 10 items"):
        index.search("star", k)
    with pytest.raises(InputError, match="something to look for"):
        index.search("  ", 3)


def test_an_index_inside_an_artifact(tmp_path: Path) -> None:
    with write_artifact(tmp_path / "search", kind="test") as out:
        LexicalIndex.build(CATALOG, EVENTS, folder=out.path / "index")
    again = LexicalIndex.open(read_artifact(tmp_path / "search").child("index"))
    memory = LexicalIndex.build(CATALOG, EVENTS)
    for query in ("star wars", "godfahter", "sta"):
        kept, held = again.search(query, 10), memory.search(query, 10)
        assert kept.items.tolist() == held.items.tolist() and np.allclose(kept.scores, held.scores)
    read_artifact(tmp_path / "search")  # opening and searching left it as it was
    with pytest.raises(ArtifactError):
        LexicalIndex.open(tmp_path / "nothing")


def test_a_folder_that_cannot_be_used_and_wrong_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        LexicalIndex.build(CATALOG, folder=tmp_path / "file")
    with pytest.raises(InputError, match="counts"):
        LexicalIndex.build(CATALOG, EVENTS[:-1])


def test_thousands_of_items_are_indexed_quickly() -> None:
    words = np.array([f"{chr(97 + a)}{chr(97 + b)}o{chr(97 + c)}e" for a in range(20) for b in range(20) for c in range(5)])
    chosen = words[np.random.default_rng(0).integers(0, len(words), (10_000, 4))]
    catalog = Catalog(pl.DataFrame({"item_id": [str(n) for n in range(10_000)], "title": [" ".join(row) for row in chosen]}))
    start = time.perf_counter()
    index = LexicalIndex.build(catalog)
    assert time.perf_counter() - start < 5  # 0.2 s on an idle machine
    assert index.num_items == 10_000
    assert 1 in index.search(" ".join(chosen[0]), 5).items
