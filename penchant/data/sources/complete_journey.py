"""The Complete Journey (84.51°): one year of grocery purchases of 2,469 households, from the package's Parquet files.

A line of a receipt becomes one ``purchase`` event whose value is what was paid; repeats are the point of this set.
Times are to the second and shared by the lines of one basket, so the order within a basket is the file's. They carry
no zone and are taken as UTC. Product ids stay; departments are the domains.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.core.errors import DataError, require
from penchant.data.sources.loaded import Loaded, loaded
from penchant.data.sources.reading import reading
from penchant.data.validation import ValidationSettings

#: Abbreviations of the product list that stand as words of their own.
_WORDS = {
    "FRZN": "frozen", "PCKGD": "packaged", "PKGD": "packaged", "MISC": "miscellaneous", "VEG": "vegetables", "VEGS": "vegetables",
    "CKN": "chicken", "SFT": "soft", "DRNKS": "drinks", "CHOC": "chocolate", "SPLY": "supplies", "GRND": "ground",
    "GM": "general merchandise", "SUP": "supplies",
}  # fmt: skip


def from_complete_journey(folder: str | Path, *, settings: ValidationSettings | None = None) -> Loaded:
    """Read ``transactions.parquet``, ``products.parquet`` and, if it is there, ``demographics.parquet`` below ``folder``.

    Raises:
        DataError: A file is missing or cannot be read, or validation fails.
    """
    transactions = _below(Path(folder), "transactions")
    with reading(transactions):
        events = (
            pl.scan_parquet(transactions)
            .select(
                pl.col("household_id").cast(pl.String).alias("user_id"),
                pl.col("product_id").cast(pl.String).alias("item_id"),
                pl.col("transaction_timestamp").dt.epoch("s").alias("timestamp"),
                pl.lit("purchase").alias("event"),
                pl.col("sales_value").cast(pl.Float32).alias("value"),
                "quantity",
            )
            .collect()
        )
    products = _below(Path(folder), "products")
    with reading(products):
        items = _items(pl.read_parquet(products))
    people = transactions.with_name("demographics.parquet")
    users = None
    if people.is_file():
        with reading(people):
            users = pl.read_parquet(people).with_columns(pl.col("household_id").cast(pl.String)).rename({"household_id": "user_id"})
    return loaded("complete-journey", events, items, users=users, settings=settings)


def _items(products: pl.DataFrame) -> pl.DataFrame:
    """Titles such as "Apple sauce, private brand, 50 oz"; products have no names of their own."""
    names = ("department", "product_category", "product_type")
    readable = products.with_columns(_readable(products[name]) for name in names)
    kind = pl.coalesce("product_type", "product_category", "department")
    private = pl.col("brand") == "Private"
    size = pl.col("package_size").str.to_lowercase().str.replace_all(r"\s+", " ")
    parts = [kind, pl.when(private).then(pl.lit("private brand")), size]
    return readable.select(
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.col("department").alias("domain"),
        pl.concat_str(parts, separator=", ", ignore_nulls=True).alias("title"),
        pl.concat_list(names).list.drop_nulls().list.unique(maintain_order=True).alias("categories"),
        pl.when(private).then(pl.lit("Private brand")).otherwise(pl.format("Manufacturer {}", "manufacturer_id")).alias("brand"),
    )


def _readable(column: pl.Series) -> pl.Series:
    """From "FRZN ICE" to "Frozen ice"; done once for each distinct text."""
    texts = column.unique().drop_nulls()
    clean = (
        texts.str.replace_all(r"\s*[:\-]\s+|:", ", ")
        .str.replace_all(r"\s*([&/])\s*", "$1")
        .str.replace_all(r"\s+", " ")
        .str.strip_chars(" ,")
    )
    for short, word in _WORDS.items():
        clean = clean.str.replace_all(rf"\b{short}\b", word)
    lower = clean.str.to_lowercase()
    return column.replace_strict(texts, lower.str.slice(0, 1).str.to_uppercase() + lower.str.slice(1))


def _below(folder: Path, table: str) -> Path:
    found = sorted(folder.rglob(f"{table}.parquet"))
    require(bool(found), f"folder={folder}", f"there is no {table}.parquet below it", "pass the folder of the unpacked package", DataError)
    return found[0]
