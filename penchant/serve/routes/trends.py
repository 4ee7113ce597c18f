"""What all users do at present."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from penchant.core.errors import StorageError
from penchant.serve.answers import Trend, TrendingOut
from penchant.serve.routes.base import router
from penchant.serve.service import Held

routes = router("lists")


@routes.get("/trending")
def trending(service: Held, limit: Annotated[int, Query(ge=1, le=100)] = 20) -> TrendingOut:
    """Items that many do something with at present."""
    if service.near_line is None:
        raise StorageError("trends", "this server follows no events", "start it with a state store")
    release = service.release
    # Others may log items that this release does not know, and some are blocked.
    found = service.near_line.trending(5 * limit)
    codes = release.space.catalog.items.encode([item_id for item_id, _ in found]).tolist()
    shown = [(code, count) for code, (_, count) in zip(codes, found, strict=True) if code and code not in release.blocked][:limit]
    cards = service.cards.of([code for code, _ in shown])
    return TrendingOut(items=[Trend(**card, count=count) for card, (_, count) in zip(cards, shown, strict=True)])
