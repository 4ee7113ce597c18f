"""A user's say: all that is kept of them, whether lists may follow them, and forgetting them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

from fastapi import Path

from penchant.core.errors import StorageError
from penchant.serve.answers import ConsentOut, ExportOut, ReceiptOut
from penchant.serve.erasure import Eraser
from penchant.serve.refusals import refusals
from penchant.serve.requests import ConsentIn, Id
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service

routes = router("users")


@routes.get("/users/{user_id:path}/export", responses=refusals(404))
def export(user_id: Annotated[Id, Path()], service: Held) -> ExportOut:
    """All that is kept of a user, by where it is kept."""
    held = _eraser(service).export(user_id)
    return ExportOut(user_id=user_id, time=int(time.time()), personalised=service.state.person(user_id).personalised, held=held)


@routes.post("/users/{user_id:path}/consent", responses=refusals(404))
def consent(user_id: Annotated[Id, Path()], asked: ConsentIn, service: Held) -> ConsentOut:
    """Opt out of lists that follow the user, or in again. It counts from the next request on, and outlives releases."""
    choice = _eraser(service).choices.personalise(user_id, asked.personalised)
    if service.portraits is not None and not choice.personalised:
        service.portraits.drop(user_id)
    return ConsentOut(user_id=user_id, personalised=choice.personalised)


@routes.delete("/users/{user_id:path}", responses=refusals(404))
def forget(user_id: Annotated[Id, Path()], service: Held) -> ReceiptOut:
    """Delete all that is kept of a user. From now on they are as unknown as anybody who never came."""
    return ReceiptOut(**asdict(_eraser(service).forget(user_id)))


@routes.get("/receipts/{receipt_id}", responses=refusals(404))
def receipt(receipt_id: Annotated[Id, Path()], service: Held) -> ReceiptOut:
    """The receipt of an erasure."""
    return ReceiptOut(**asdict(_eraser(service).receipt(receipt_id)))


def _eraser(service: Service) -> Eraser:
    if service.eraser is None:
        raise StorageError("choices", "this server has nowhere to keep what people choose", "start it with a state store")
    return service.eraser
