"""How the server does."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from penchant.serve.operations.answers import OperationsOut
from penchant.serve.operations.overview import overview
from penchant.serve.routes.base import router
from penchant.serve.service import Held

routes = router("operations")


async def _shelf(request: Request) -> bool:
    return request.app.state.following is not None


@routes.get("/operations")
def operations(service: Held, shelf: Annotated[bool, Depends(_shelf)]) -> OperationsOut:
    """How this process does: traffic and times of the last minutes, lag, dead letters, lists, vectors. Other processes are not told of."""
    return overview(service, shelf=shelf)
