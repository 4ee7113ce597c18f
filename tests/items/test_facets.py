"""Facets: what summaries can name."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.items.facets import Facets

SORTED = Catalog(
    pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": ["Red pen", "Blue pen", "Red ink", "Stapler"],
            "categories": [["Office", "Pens"], ["Office", "Pens"], ["Office"], ["Office"]],
            "brand": ["Acme", None, "Acme", "Zeta"],
        }
    )
)


def test_categories_and_brands_weigh_by_how_rare_they_are() -> None:
    found = Facets.of(SORTED)
    assert found.names == ("Pens", "brand: Acme"), "all are of the office, and one alone is Zeta's"
    half = np.log(2)
    np.testing.assert_allclose(found.weights, [[0, 0], [half, half], [half, 0], [0, half], [0, 0]], rtol=1e-6)
    assert Facets.of(SORTED, most=1).names == ("Pens",)


def test_words_of_titles_stand_in_where_nothing_is_sorted() -> None:
    plain = Catalog(SORTED.table.drop("categories"))
    assert set(Facets.of(plain).names) == {"pen", "red", "brand: Acme"}


def test_a_catalogue_without_facets_is_refused() -> None:
    with pytest.raises(InputError, match="no facets"):
        Facets.of(SORTED, least=9)
