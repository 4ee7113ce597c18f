"""Which release is served, and back to one that was."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from penchant.core.errors import UnknownIdError, require
from penchant.pipeline.shelf import Move, Shelved
from penchant.serve.operations.answers import Moved, ReleaseShort, ReleasesOut
from penchant.serve.refusals import refusals
from penchant.serve.requests import PromoteIn, RollbackIn
from penchant.serve.routes.base import router
from penchant.serve.service import Held
from penchant.serve.swap import Following

routes = router("release")


async def _followed(request: Request) -> Following:
    following = request.app.state.following
    require(
        following is not None,
        "releases",
        "this server was started with one release, not with a shelf",
        "start it with: penchant serve --release SHELF",
        UnknownIdError,
    )
    return following


Followed = Annotated[Following, Depends(_followed)]


@routes.get("/releases", responses=refusals(404))
def releases(service: Held, following: Followed) -> ReleasesOut:
    """Every release on the shelf, the oldest first, and every move so far."""
    shelf = following.shelf
    refused = following.refused
    return ReleasesOut(
        served=service.release.path.name,
        loading=following.loading,
        refused=None if refused is None else f"{refused[0]}: {refused[1]}",
        releases=[_short(one) for one in shelf.releases()],
        moves=[_moved(move) for move in shelf.moves()],
    )


@routes.post("/releases/rollback", responses=refusals(404))
def rollback(asked: RollbackIn, following: Followed) -> Moved:
    """Make the release live that was so before. Servers of the shelf change over within a moment."""
    return _moved(following.shelf.rollback(why=asked.why))


@routes.post("/releases/promote", responses=refusals(404))
def promote(asked: PromoteIn, following: Followed) -> Moved:
    """Make a release live again that has been so before. One that never was must pass checks: `penchant release promote`."""
    shelf = following.shelf
    found = shelf.get(asked.release)
    been = found.name in {move.after for move in shelf.moves()}
    require(been, f"release {found.name}", "it was never live, and has to pass checks first", f"run penchant release promote {found.name}")
    return _moved(shelf.promote(found.name, why=asked.why))


def _short(one: Shelved) -> ReleaseShort:
    manifest = one.manifest
    return ReleaseShort(
        name=one.name,
        id=manifest.id,
        created=str(manifest.created),
        dataset=str(manifest.settings["dataset"]),
        version=manifest.version,
        live=one.live,
    )


def _moved(move: Move) -> Moved:
    passed = None if move.checks is None else bool(move.checks.get("passed"))
    return Moved(at=move.at, before=move.before, after=move.after, way=move.way, why=move.why, passed=passed)
