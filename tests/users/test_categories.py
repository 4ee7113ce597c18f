"""The tree of a catalogue's categories: paths where lists are paths, side by side where they are not."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from penchant.data.catalog import Catalog
from penchant.users.categories import CategoryTree, nested


def catalog(lists: list[list[str] | None]) -> Catalog:
    return Catalog(pl.DataFrame({"item_id": [f"i{n}" for n in range(len(lists))], "categories": lists}))


def test_paths_become_a_tree() -> None:
    often: list[list[str] | None] = [["Food", "Coffee"]] * 10
    tree = CategoryTree.of(catalog([["Food", "Tea"], ["Food"], [], None, ["Home", "Tea"], *often]))
    assert [tree.path(one) for one in range(1, len(tree) + 1)] == [
        ("Food",), ("Home",), ("Food", "Coffee"), ("Food", "Tea"), ("Home", "Tea"),
    ]  # fmt: skip
    items = tree.items.toarray()
    assert items[1].tolist() == [0, 0, 0, 0, 1, 0]
    assert items[2].tolist() == [0, 1, 0, 0, 0, 0]
    assert not items[[0, 3, 4]].any()


def test_genres_stand_side_by_side_and_share_an_event() -> None:
    lists: list[list[str] | None] = [["Action", "Comedy"], ["Comedy", "Drama"], ["Action", "Drama"], ["Drama"]]
    tree = CategoryTree.of(catalog(lists))
    assert tree.names == ("", "Action", "Comedy", "Drama")
    assert not tree.parents.any()
    np.testing.assert_allclose(tree.items.toarray()[1:, 1:], [[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0, 0, 1]])


def test_a_few_exceptions_do_not_make_paths_genres() -> None:
    assert nested([["Food", "Tea"]] * 19 + [["Home", "Tea"]])
    assert not nested([["Food", "Tea"]] * 3 + [["Home", "Tea"]])
    assert nested([])


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=3), min_size=1, max_size=12), st.integers(0, 10**6))
def test_a_parent_is_its_children_and_its_own(lists: list[list[str]], seed: int) -> None:
    tree = CategoryTree.of(catalog([*lists]))
    own = np.random.default_rng(seed).random(len(tree) + 1)
    whole = tree.summed(own)
    for category in range(1, len(tree) + 1):
        children = np.flatnonzero(tree.parents[1:] == category) + 1
        np.testing.assert_allclose(whole[category], own[category] + whole[children].sum())
        assert tree.parents[category] < category
    rows = np.asarray(tree.items.sum(axis=1)).ravel()
    np.testing.assert_allclose(rows[1:], [1.0 if one else 0.0 for one in lists], rtol=1e-6)


def test_a_catalogue_without_categories_has_an_empty_tree() -> None:
    tree = CategoryTree.of(catalog([None, []]))
    assert len(tree) == 0
    assert tree.summed(np.ones(1)).tolist() == [1.0]
