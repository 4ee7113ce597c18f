"""Watching how the house model generates: one beam search along the tree of semantic IDs."""

from __future__ import annotations

import time
from math import exp
from typing import Annotated

import numpy as np
from fastapi import Query

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.items.code_tree import describe_prefix
from penchant.models.generative.depth import DepthHead
from penchant.models.generative.watched import Watched
from penchant.serve.answers import BeamOut, Generated, HeldOut
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service
from penchant.serve.state import NOBODY

routes = router("catalogue")


@routes.get("/beam", responses=refusals(404))
def beam(
    service: Held,
    user_id: Annotated[Id | None, Query(description="None: somebody without a past.")] = None,
    width: Annotated[int, Query(ge=1, le=50, description="Prefixes kept a level.")] = 10,
) -> BeamOut:
    """Generate for a user, code by code, and show what was kept on the way. Items the user had or hid are closed."""
    head = _head(service)
    history, hidden = NOBODY, ()
    if user_id is not None:
        person = service.state.person(user_id)
        if person.personalised:
            history, hidden = person.history, person.hidden
    started = time.perf_counter()
    states = service.release.tandem.states(history)
    exclude = Histories.of([np.concatenate([history.items, np.array([*hidden, *service.release.blocked], np.int32)])])
    watched = Watched(min(width, service.release.tandem.num_items))
    items, scores = head.best(states, watched.width, exclude, search=watched)
    spent = (time.perf_counter() - started) * 1e3
    real = items[0] > 0
    cards = service.cards.of(items[0][real].numpy())
    levels = []
    for kept in watched.levels:
        nodes = [describe_prefix(service.release.space, one.codes, children=False) for one in kept]
        levels.append(
            [
                HeldOut(prefix=list(one.codes), chance=exp(one.log_prob), kept=one.kept, items=node["items"], words=node["words"])
                for one, node in zip(kept, nodes, strict=True)
            ]
        )
    return BeamOut(
        user_id=user_id,
        events=history.num_events,
        width=watched.width,
        levels=levels,
        items=[Generated(**card, chance=exp(score)) for card, score in zip(cards, scores[0][real].tolist(), strict=True)],
        milliseconds=spent,
    )


def _head(service: Service) -> DepthHead:
    tandem = service.release.tandem
    head = tandem.tree_head if tandem.tree_head is not None else tandem.code_head
    if not isinstance(head, DepthHead):
        raise InputError("this release", "its model has no head along the tree of codes", "make the release again with this version")
    return head
