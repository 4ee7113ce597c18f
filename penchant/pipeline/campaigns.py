"""The campaigns of the Complete Journey (84.51°) as rules: which products, for which households, from when to when.

A campaign promotes the products of its coupons to the households that got it. Its last day counts in full.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.core.errors import DataError, require
from penchant.pipeline.rules.kinds import Boost, Rules
from penchant.pipeline.rules.terms import Audience, Where
from penchant.users.decay import DAY

_TABLES = ("campaign_descriptions", "campaigns", "coupons")


def journey_campaigns(folder: Path, *, strength: float = 3.0, label: str = "Promotion") -> Rules:
    """One boost a campaign.

    Args:
        folder: Of the unpacked package, or above it.
        strength: Factor on the scores of promoted products.
        label: Stands at each of them.

    Raises:
        DataError: A table is missing.
    """
    tables: dict[str, pl.DataFrame] = {}
    for name in _TABLES:
        found = sorted(Path(folder).rglob(f"{name}.parquet"))
        require(
            bool(found), f"folder={folder}", f"there is no {name}.parquet below it", "pass the folder of the unpacked package", DataError
        )
        tables[name] = pl.read_parquet(found[0])
    products = _ids(tables["coupons"], "product_id")
    households = _ids(tables["campaigns"], "household_id")
    days = (
        tables["campaign_descriptions"]
        .sort("campaign_id")
        .select("campaign_id", "campaign_type", pl.col("start_date").dt.epoch("s"), pl.col("end_date").dt.epoch("s"))
    )
    return Rules(
        rules=tuple(
            Boost(
                name=f"Campaign {number} ({kind})",
                where=Where(items=products[number]),
                audience=Audience(users=households[number]),
                starts=starts,
                ends=ends + DAY,
                strength=strength,
                label=label,
            )
            for number, kind, starts, ends in days.iter_rows()
        )
    )


def _ids(table: pl.DataFrame, column: str) -> dict[int, tuple[str, ...]]:
    """Distinct ids of each campaign, in order."""
    rows = table.select("campaign_id", pl.col(column).cast(pl.Int64)).unique().sort("campaign_id", column)
    grouped = rows.group_by("campaign_id", maintain_order=True).agg(pl.col(column).cast(pl.String))
    return {number: tuple(ids) for number, ids in grouped.iter_rows()}
