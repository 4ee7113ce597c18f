"""Enriched items as a catalogue: whatever reads items' texts, vectors, semantic IDs and search, then reads what a model added."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from penchant.items.enrich import Enriched

SHORT_TITLE = "short_title"


def into(items: pl.DataFrame, made: Mapping[str, Enriched]) -> pl.DataFrame:
    """The table with what was made of its items; rows and their order stay.

    A summary stands where an item has no description, and attributes follow it in words ("Audience: children."), so that they are part
    of the item's text. The short title gets a column of its own, ``short_title``; the title stays.

    Args:
        items: With the columns ``item_id`` and ``description``.
        made: By item id; items that are not in it stay as they are.
    """
    rows = [made.get(item_id) for item_id in items["item_id"].to_list()]
    texts = []
    for one, text in zip(rows, items["description"].to_list(), strict=True):
        told = [] if one is None else [f"{name[:1].upper()}{name[1:]}: {value}." for name, value in one.attributes.items()]
        own = text or ("" if one is None else one.summary)
        texts.append(" ".join(filter(None, [own, *told])) or None)
    shorts = [None if one is None else one.short_title for one in rows]
    return items.with_columns(pl.Series("description", texts, dtype=pl.String), pl.Series(SHORT_TITLE, shorts, dtype=pl.String))
