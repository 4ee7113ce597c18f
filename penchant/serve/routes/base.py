"""What every router shares: strict JSON, and the shape of refusals."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from penchant.serve.answers import Place
from penchant.serve.events import Positions
from penchant.serve.refusals import refusals, strict_json


class _StrictRequest(Request):
    async def json(self) -> Any:
        told = strict_json(await self.body())
        self.state.asked_user = told.get("user_id") if isinstance(told, dict) else None  # for the access log
        return told


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


def router(tag: str) -> APIRouter:
    """A router for ``/v1`` addresses."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=_StrictRoute, responses=refusals(401, 403, 413, 422, 429, 503))


def places(positions: Positions) -> list[Place]:
    """Places in the log as they are told, by partition."""
    return [Place(partition=partition, offset=offset) for partition, offset in sorted(positions.items())]
