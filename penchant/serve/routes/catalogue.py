"""The catalogue: one item and what is near it, and the tree of semantic IDs."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
from fastapi import Path, Query

from penchant.contracts import Scorer, TopK
from penchant.core.errors import StorageError
from penchant.data.histories import Histories
from penchant.items.code_tree import describe_prefix
from penchant.pipeline.release import TOGETHER
from penchant.ranking import exclude_, top_k
from penchant.serve.answers import Card, CodesOut, ItemOut, LiveItem, Scored
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id
from penchant.serve.routes.base import router
from penchant.serve.routes.kept_out import kept_out
from penchant.serve.service import Held, Service

routes = router("catalogue")
_NEAR = 10  # related items shown
_FEW = 50  # items below a prefix that are shown one by one


@routes.get("/items/{item_id:path}", responses=refusals(404))
def item(
    item_id: Annotated[Id, Path()],
    service: Held,
    user_id: Annotated[Id | None, Query(description="Who looks at it; null: nobody in particular.")] = None,
) -> ItemOut:
    """An item, items of like content, and items that the same users chose."""
    space = service.release.space
    code = space.catalog.items.code(item_id, "item_id")
    out = kept_out(service, user_id)
    similar, together = [], []
    near = min(_NEAR, len(space.catalog) - 1)
    if near:
        exclude = Histories.of([out.codes])
        similar = _scored(service, service.vectors.neighbours(np.array([code]), near, exclude=exclude))
        if TOGETHER in service.release.models:
            scores = cast(Scorer, service.release.models[TOGETHER]).score(Histories.of([[code]]))
            together = _scored(service, top_k(exclude_(scores, Histories.of([[code, *out.codes]])), near))
    (card,) = service.cards.of([code])
    return ItemOut(
        **card,
        events=int(space.events[code]),
        live=_live(service, item_id, code),
        similar=similar,
        bought_with=together,
        rules=out.rules,
        missing=list(out.missing),
    )


@routes.get("/codes")
def codes(
    service: Held,
    prefix: Annotated[
        str,
        Query(max_length=200, pattern=r"^([0-9]{1,9}(,[0-9]{1,9})*)?$", description="Codes with commas between them.", examples=["12,7"]),
    ] = "",
) -> CodesOut:
    """The tree of semantic IDs below a prefix."""
    wanted = tuple(int(code) for code in prefix.split(",") if code)
    node = describe_prefix(service.release.space, wanted)
    leaves = None
    if node["items"] <= _FEW:
        below = (service.release.space.codes[1:, : len(wanted)] == wanted).all(axis=1)
        shown = [code for code in (np.flatnonzero(below) + 1).tolist() if code not in service.release.blocked]
        leaves = [Card(**card) for card in service.cards.of(shown)]
    return CodesOut(**{**node, "leaves": leaves})


def _live(service: Service, item_id: str, code: int) -> LiveItem | None:
    if service.near_line is None or service.by_vector is None or service.by_vector.heads is None:
        return None
    try:
        since = service.near_line.tiers.current().heads.get(item_id)
        count, drift = service.near_line.count(item_id), service.by_vector.heads.drift(code)
    except StorageError:
        service.metrics.missing.labels("live item").inc()
        return None
    return LiveItem(tier="tail" if since is None else "head", since=since, count=count, drift=drift)


def _scored(service: Service, found: TopK) -> list[Scored]:
    """Row 0 of a ranking as cards, as far as it has something to say for them."""
    named = found.scores[0] > 0
    items, scores = found.items[0][named], found.scores[0][named]
    return [Scored(**card, score=float(score)) for card, score in zip(service.cards.of(items), scores, strict=True)]
