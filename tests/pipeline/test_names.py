"""Ids by code."""

from __future__ import annotations

import numpy as np
import polars as pl

from penchant.data.catalog import Catalog
from penchant.pipeline.names import names


def test_names_are_those_of_the_catalogue_and_of_no_other() -> None:
    catalogs = [Catalog(pl.DataFrame({"item_id": [f"{letter}{place}" for place in range(9)]})) for letter in "ab"]
    codes = np.array([3, 1, 9, 3])
    for catalog in catalogs:
        assert names(catalog, codes.tolist()) == catalog.items.decode(codes)
    assert names(catalogs[0], []) == []
