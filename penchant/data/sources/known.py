"""Data sets by name: ``load("ml-100k")``, ``load("complete-journey")``, ``load("/path/to/my/tables")``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl

from penchant.core.assets import fetch
from penchant.core.errors import DataError, InputError
from penchant.data.schema import ACTION_CODE, OTHER_ACTION
from penchant.data.sources.complete_journey import from_complete_journey
from penchant.data.sources.loaded import Loaded
from penchant.data.sources.movielens import from_movielens, is_movielens
from penchant.data.sources.reading import find_table
from penchant.data.sources.tables import from_folder
from penchant.data.validation import ValidationSettings

#: Where folders of data sets are looked for by name, unless ``PENCHANT_DATA`` says otherwise.
DEFAULT_DATA = Path("../shared/data")


def _fetched_movielens(settings: ValidationSettings | None) -> Loaded:
    return from_movielens(fetch("ml-100k"), "ml-100k", settings=settings)


def _liked(settings: ValidationSettings | None) -> Loaded:
    """MovieLens 100K with what ratings mean as actions: ``like`` from 4 on, ``dislike`` up to 2."""
    found = load("ml-100k", settings=settings)
    meant = (
        pl.when(pl.col("value") >= 4).then(pl.lit("like")).when(pl.col("value") <= 2).then(pl.lit("dislike")).otherwise(pl.lit("rating"))
    )
    events = found.dataset.events.with_columns(event=meant)
    actions = pl.col("event").replace_strict(ACTION_CODE, default=OTHER_ACTION, return_dtype=pl.Int8)
    return replace(found, dataset=replace(found.dataset, name="ml-100k-liked", events=events.with_columns(action=actions)))


def _fetched_journey(settings: ValidationSettings | None) -> Loaded:
    return from_complete_journey(fetch("complete-journey"), settings=settings)


#: Data sets that are downloaded when they are first asked for.
FETCHED: dict[str, Callable[[ValidationSettings | None], Loaded]] = {
    "ml-100k": _fetched_movielens,
    "ml-100k-liked": _liked,
    "complete-journey": _fetched_journey,
}


def load(name_or_path: str | Path, *, settings: ValidationSettings | None = None) -> Loaded:
    """Load a data set: the first of these that exists.

    1. A path: a folder with ``events`` (and ``items``) tables, or an unpacked MovieLens or Complete Journey folder.
    2. A folder of that name below ``PENCHANT_DATA``.
    3. A data set that can be downloaded: ``ml-100k``, ``ml-100k-liked`` (the same, with likes and dislikes), ``complete-journey``.

    Raises:
        InputError: There is no such path and no such name; the message lists the names.
        DataError: The folder has none of these tables, a file cannot be read, or validation fails.
        AssetError: The download failed from every source.
    """
    for place in (Path(name_or_path), *([data_folder() / name_or_path] if str(name_or_path) in _below_data() else [])):
        if place.exists():
            return _from_path(place, settings)
    if isinstance(name_or_path, str) and name_or_path in FETCHED:
        return FETCHED[name_or_path](settings)
    raise InputError(
        f"data={str(name_or_path)!r}",
        "it is neither a path nor a data set known by name",
        f"pass a folder with events.parquet and items.parquet, or one of: {', '.join(known_names())}",
    )


def known_names() -> list[str]:
    """Names that ``load`` takes: those below ``PENCHANT_DATA`` and those that can be downloaded, sorted."""
    return sorted({*FETCHED, *_below_data()})


def data_folder() -> Path:
    """The folder whose sub-folders are data sets by name."""
    chosen = os.environ.get("PENCHANT_DATA")
    return Path(chosen).expanduser() if chosen else DEFAULT_DATA


def _below_data() -> list[str]:
    folder = data_folder()
    return sorted(path.name for path in folder.iterdir() if _readable(path)) if folder.is_dir() else []


def _readable(folder: Path) -> bool:
    return folder.is_dir() and (
        find_table(folder, "events") is not None or is_movielens(folder) or (folder / "transactions.parquet").is_file()
    )


def _from_path(path: Path, settings: ValidationSettings | None) -> Loaded:
    if path.is_file():
        raise DataError(
            f"path={path}", "a data set is a folder with events and items", "pass the folder, or use from_csv for single CSV files"
        )
    if find_table(path, "events") is None:
        if is_movielens(path):
            return from_movielens(path, settings=settings)
        if (path / "transactions.parquet").is_file():
            return from_complete_journey(path, settings=settings)
    return from_folder(path, settings=settings)
