from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items.encoders import unit_rows
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.search.hybrid import HybridSearch, SearchResult, fuse
from penchant.search.lexical import LexicalIndex

TITLES = ["Jaws", "Shark Night", "Alien", "Aliens", "Romance on the Orient", "The Kiss", "Purple Rain", None]


class Themes:
    """Three themes: a text is about those whose words it has. Counts how often it is asked."""

    name = "themes"
    dim = 3
    words = (("jaws", "shark", "fish", "sea"), ("alien", "aliens", "space"), ("love", "romance", "kiss"))

    def __init__(self) -> None:
        self.asked: list[str] = []

    def fingerprint(self) -> str:
        return "themes"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return unit_rows(
            np.array([[sum(word in text.lower().split() for word in theme) for theme in self.words] for text in texts], np.float32)
        )


@pytest.fixture(scope="module")
def space() -> ItemSpace:
    catalog = Catalog(pl.DataFrame({"item_id": [str(n) for n in range(8)], "title": TITLES}))
    return ItemSpace.build(catalog, Themes(), ResidualKMeans(1, 2), np.array([0, 5, 1, 9, 3, 2, 7, 4, 1]))


def titles(found: SearchResult) -> list[str | None]:
    return [TITLES[item - 1] for item in found.items]


def test_words_and_meaning_are_fused_and_said(space: ItemSpace) -> None:
    found = HybridSearch(space, Themes()).search("shark", 8)
    assert titles(found) == ["Shark Night", "Jaws"]
    assert found.matched == [("words", "meaning"), ("meaning",)]
    assert (np.diff(found.scores) <= 0).all() and len(found) == 2
    assert titles(HybridSearch(space, Themes()).search("fish sea", 8)) == ["Jaws", "Shark Night"]  # equally near; one more popular
    rain = HybridSearch(space, Themes()).search("purple", 8)
    assert (titles(rain), rain.matched) == (["Purple Rain"], [("words",)])


def test_without_an_encoder_words_must_do(space: ItemSpace) -> None:
    search = HybridSearch(space)
    found = search.search("shark", 8)
    assert (titles(found), found.matched) == (["Shark Night"], [("words",)])
    assert len(search.search("fish", 8)) == 0 and search.search("fish", 8).matched == []


def test_half_a_word_is_looked_up_by_its_beginning(space: ItemSpace) -> None:
    found = HybridSearch(space, Themes()).search("ali", 8)
    assert titles(found) == ["Alien", "Aliens"]


def test_excluded_items_never_appear(space: ItemSpace) -> None:
    search = HybridSearch(space, Themes())
    assert titles(search.search("shark", 8, exclude=[2])) == ["Jaws"]
    assert titles(search.search("shark", 8, exclude=np.array([1, 2, 2]))) == []
    assert titles(search.search("shark", 8, exclude=())) == ["Shark Night", "Jaws"]
    assert len(search.search("alien", 1, exclude=[3]).items) == 1


def test_bad_requests_are_refused(space: ItemSpace) -> None:
    search = HybridSearch(space, Themes())
    for query, k, exclude, rule in [
        ("", 3, None, "something to look for"),
        (" \n", 3, None, "something to look for"),
        ("shark", 0, None, "k=0: a list holds 1 to 8 items"),
        ("shark", 9, None, "k=9: a list holds 1 to 8 items"),
        ("shark", 3, [9], "item codes are 1..8"),
        ("shark", 3, [0], "item codes are 1..8"),
    ]:
        with pytest.raises(InputError, match=rule):
            search.search(query, k, exclude=exclude)


@pytest.mark.parametrize("query", ["🎬", "七人の侍", "broken \ud83d", "title:(", "x" * 1_000_000, "fish " * 200_000, "\x00fish"])
def test_any_text_is_safe(space: ItemSpace, query: str) -> None:
    found = HybridSearch(space, Themes()).search(query, 3)
    assert ("Jaws" in titles(found)) == ("fish" in query)


def test_a_query_is_encoded_once(space: ItemSpace) -> None:
    encoder = Themes()
    search = HybridSearch(space, encoder)
    first = search.search("  fish ", 3)
    assert titles(search.search("fish", 3)) == titles(first)
    assert encoder.asked == ["fish"]
    with ThreadPoolExecutor(4) as pool:
        assert {tuple(found.items) for found in pool.map(lambda _: search.search("fish", 3), range(20))} == {tuple(first.items)}


def test_parts_of_another_space_are_refused(space: ItemSpace) -> None:
    other = Themes()
    other.fingerprint = lambda: "other"
    with pytest.raises(InputError, match="was made with themes"):
        HybridSearch(space, other)
    with pytest.raises(InputError, match="index of 1 items"):
        HybridSearch(space, lexical=LexicalIndex.build(Catalog(pl.DataFrame({"item_id": ["a"]}))))
    assert titles(HybridSearch(space, lexical=LexicalIndex.build(space.catalog)).search("kiss", 2)) == ["The Kiss"]


def test_fusion_by_hand() -> None:
    items, scores = fuse(np.array([7, 3, 5]), np.array([3, 9]))
    assert items.tolist() == [3, 7, 9, 5]
    assert np.allclose(scores, [1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])
    items, scores = fuse(np.array([7, 3]), np.array([3, 9]), weights=(1, 0.1), k=0)
    assert items.tolist() == [7, 3, 9] and np.allclose(scores, [1, 0.6, 0.05])
    assert fuse(np.array([4]), np.array([2]))[0].tolist() == [4, 2]  # equal: the earlier list first
    assert [len(part) for part in fuse(np.array([], int), np.array([], int))] == [0, 0]
    for bad in (
        lambda: fuse(np.array([1, 1])),
        lambda: fuse(np.array([1]), weights=(1, 2)),
        lambda: fuse(np.array([1]), k=-1),
    ):
        with pytest.raises(InputError):
            bad()


@given(st.lists(st.lists(st.integers(1, 30), unique=True, max_size=20), min_size=1, max_size=3))
def test_fusion_equals_the_plain_sum(rankings: list[list[int]]) -> None:
    items, scores = fuse(*[np.array(ranking, np.int32) for ranking in rankings])
    expected = {
        item: sum(1 / (61 + ranking.index(item)) for ranking in rankings if item in ranking) for ranking in rankings for item in ranking
    }
    assert set(items.tolist()) == set(expected) and len(items) == len(expected)
    assert np.allclose(scores, [expected[item] for item in items.tolist()])
    assert (np.diff(scores) <= 0).all()


def test_however_many_are_hidden_the_others_are_found_as_if_these_were_not_there() -> None:
    names = ["lamp" if n % 3 else f"lamp {n}" for n in range(600)]
    catalog = Catalog(pl.DataFrame({"item_id": [str(n) for n in range(600)], "title": names}))
    events = np.random.default_rng(0).permutation(601)
    search = HybridSearch(ItemSpace.build(catalog, Themes(), ResidualKMeans(1, 2), events))
    whole = search.lexical.search("lamp", 600).items
    assert len(whole) == 600
    for hidden in (whole[:1], whole[:200], whole[:-7], whole[::2], whole):
        left = whole[~np.isin(whole, hidden)]
        found = search.search("lamp", 10, exclude=hidden)
        assert set(found.items) <= set(left.tolist()) and len(found) == min(10, len(left))
        assert search.search("lamp", 1, exclude=hidden).items.tolist() == left[:1].tolist()
