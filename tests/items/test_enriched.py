"""What was made of items becomes part of their texts, and nothing of what was there goes."""

from __future__ import annotations

import polars as pl

from penchant.data.catalog import Catalog
from penchant.items.enrich import Enriched
from penchant.items.enriched import into

ITEMS = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["Folders", "Teapot", "Book"], "description": ["Made of card.", None, None]})


def test_attributes_follow_a_description_and_a_summary_stands_for_one() -> None:
    made = {
        "a": Enriched("Folder", "Card.", {"audience": "adults", "use": "office"}),
        "b": Enriched("Pot", "For tea.", {"audience": "adults"}),
    }
    found = into(ITEMS, made)
    assert found["description"].to_list() == ["Made of card. Audience: adults. Use: office.", "For tea. Audience: adults.", None]
    assert found["short_title"].to_list() == ["Folder", "Pot", None]
    assert found["title"].to_list() == ITEMS["title"].to_list()
    assert Catalog(found).texts()[1] == "Teapot. For tea. Audience: adults."


def test_nothing_made_changes_nothing() -> None:
    assert into(ITEMS, {}).drop("short_title").equals(ITEMS)
