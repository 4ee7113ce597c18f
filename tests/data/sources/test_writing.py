"""A data set that was written is read as it was."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.sources import from_frames
from penchant.data.sources.tables import from_folder
from penchant.data.sources.writing import to_folder

EVENTS = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "timestamp": [1, 2, 3], "value": [4.0, None, 5.0]})
ITEMS = pl.DataFrame({"item_id": ["a", "b"], "title": ["A", None], "categories": [["X", "Y"], []]})


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    before = from_frames(EVENTS, ITEMS, name="shop").dataset
    after = from_folder(to_folder(from_frames(EVENTS, ITEMS, name="shop"), tmp_path / "shop")).dataset
    assert after.catalog.table.equals(before.catalog.table)
    assert after.events.equals(before.events)
    assert after.fingerprint == before.fingerprint


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("mine")
    with pytest.raises(InputError, match="something is in it already"):
        to_folder(from_frames(EVENTS, ITEMS, name="shop"), tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["events.csv"]
