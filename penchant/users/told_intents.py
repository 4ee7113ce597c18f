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
    return [one for one in intents if not any(below(path, paths) for path in (one.path, *(source.path for source in one.sources)))]


def below(path: Sequence[str], paths: Sequence[Sequence[str]]) -> bool:
    """Whether a path is one of several, or lies below one of them."""
    return any(list(path[: len(one)]) == list(one) for one in paths)


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
