"""Intents as they are told: without what somebody took out, and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from penchant.users.intents import Intent


def without(intents: Sequence[Intent], paths: Sequence[Sequence[str]]) -> list[Intent]:
    """Intents but those of interests that were taken out, or that stand on one of them, with all below: they would tell of it.

    Args:
        intents: In any order.
        paths: Of what was taken out, names from broad to narrow.
    """
    gone = [tuple(path) for path in paths]

    def told(path: tuple[str, ...]) -> bool:
        return not any(path[: len(one)] == one for one in gone)

    return [one for one in intents if told(one.path) and all(told(source.path) for source in one.sources)]


def plain(intents: Sequence[Intent], item_ids: Sequence[str] | pl.Series) -> list[dict[str, Any]]:
    """JSON values; ``item_ids`` in code order."""
    return [
        {
            "path": list(one.path),
            "strength": round(one.strength, 4),
            "because": [
                {"path": list(source.path), "share": round(source.share, 4), "item_id": item_ids[source.item - 1]} for source in one.sources
            ],
        }
        for one in intents
    ]
