"""A data set as a folder of tables, as ``from_folder`` reads it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from penchant.core.errors import require
from penchant.core.folders import occupant
from penchant.data.schema import EVENTS, ITEMS
from penchant.data.sources.loaded import Loaded


def check_new(folder: Path) -> None:
    """That a data set can be written there.

    Raises:
        InputError: Something is in the folder.
    """
    require(occupant(folder) == "none", f"folder={folder}", "something is in it already", "pass a new folder")


def to_folder(found: Loaded, folder: Path, *, items: pl.DataFrame | None = None) -> Path:
    """Write events, items and users as Parquet; rows that validation refused are not among them.

    Args:
        found: What was loaded.
        folder: Made if it is not there.
        items: In the place of the catalogue's table.

    Raises:
        InputError: Something is in the folder.
    """
    check_new(folder)
    folder.mkdir(parents=True, exist_ok=True)
    table = found.dataset.catalog.table if items is None else items
    stated = [name for name in table.columns if name not in ITEMS or table[name].null_count() < len(table)]
    table.select(stated).write_parquet(folder / "items.parquet")
    events = found.dataset.events
    told = [name for name in EVENTS if name in events.columns and events[name].null_count() < len(events)]
    events.select(told).write_parquet(folder / "events.parquet")
    if found.users is not None:
        found.users.write_parquet(folder / "users.parquet")
    return folder
