"""Complete Journey: a few rows in the true schema."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from penchant.core.errors import DataError
from penchant.data.sources import from_complete_journey


def write(folder: Path) -> None:
    when = [
        datetime(2017, 1, 1, 11, 53, 26),
        datetime(2017, 1, 1, 11, 53, 26),
        datetime(2017, 1, 8, 9, 0, 0),
        datetime(2017, 1, 8, 9, 0, 0),
    ]
    columns = {
        "household_id": [900, 900, 900, 7],
        "store_id": [330] * 4,
        "basket_id": [1, 1, 2, 3],
        "product_id": [26190, 25671, 26190, 26081],
    }
    money = {"quantity": [1, 2, 1, 1], "sales_value": [0.5, 0.99, 0.5, 3.0], "retail_disc": [0.0] * 4, "coupon_disc": [0.0] * 4}
    transactions = pl.DataFrame({**columns, **money, "coupon_match_disc": [0.0] * 4, "week": [1, 1, 2, 2], "transaction_timestamp": when})
    transactions.with_columns(pl.col("transaction_timestamp").cast(pl.Datetime("ns"))).write_parquet(folder / "transactions.parquet")
    products = {
        "product_id": [25671, 26081, 26190],
        "manufacturer_id": [2, 2, 69],
        "department": ["GROCERY", "DRUG GM", "GROCERY"],
        "brand": ["National", "National", "Private"],
        "product_category": ["FRZN ICE", None, "FRUIT - SHELF STABLE"],
        "product_type": ["ICE - CRUSHED/CUBED", None, "APPLE SAUCE"],
        "package_size": ["22 LB", None, "50  OZ"],
    }
    pl.DataFrame(products).write_parquet(folder / "products.parquet")


def test_purchases_and_products(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = from_complete_journey(tmp_path)
    dataset = loaded.dataset
    h = dataset.histories
    assert dataset.users.ids.to_list() == ["7", "900"] and dataset.name == "complete-journey" and loaded.users is None
    assert [h.row(0).tolist(), h.row(1).tolist()] == [[2], [3, 1, 3]]  # a basket keeps the order of the file; repeats stay
    assert h.times.tolist() == [1483866000, 1483271606, 1483271606, 1483866000]
    assert dataset.events["value"].to_list() == pytest.approx([3.0, 0.5, 0.99, 0.5]) and dataset.events["event"].unique().to_list() == [
        "purchase"
    ]
    assert dataset.catalog.titles() == ["Ice, crushed/cubed, 22 lb", "Drug general merchandise", "Apple sauce, private brand, 50 oz"]
    assert dataset.catalog.table["categories"].to_list() == [
        ["Grocery", "Frozen ice", "Ice, crushed/cubed"],
        ["Drug general merchandise"],
        ["Grocery", "Fruit, shelf stable", "Apple sauce"],
    ]
    assert dataset.catalog.domains == ("", "Drug general merchandise", "Grocery") and h.domains.tolist() == [1, 2, 2, 2]
    assert dataset.catalog.table["brand"].to_list() == ["Manufacturer 2", "Manufacturer 2", "Private brand"]


def test_households_and_folders_below(tmp_path: Path) -> None:
    inner = tmp_path / "package" / "data"
    inner.mkdir(parents=True)
    write(inner)
    pl.DataFrame({"household_id": [7], "age": ["65+"]}).write_parquet(inner / "demographics.parquet")
    loaded = from_complete_journey(tmp_path)
    assert loaded.users is not None and loaded.users.rows() == [("7", "65+")]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no transactions\.parquet below"):
        from_complete_journey(tmp_path)
