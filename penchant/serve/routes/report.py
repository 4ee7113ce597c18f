"""The evaluation report, and what is being served."""

from __future__ import annotations

import mimetypes
from typing import Annotated, Any

from fastapi import Path
from fastapi.responses import FileResponse, JSONResponse

from penchant import __version__
from penchant.core.errors import ArtifactError, UnknownIdError, require
from penchant.serve.answers import HealthOut, ReportOut
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service
from penchant.serve.sqlite_log import SqliteEventLog

routes = router("release")
_PICTURES: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}, "image/svg+xml": {}}, "description": "The picture."}}


@routes.get("/report", response_model=ReportOut, responses=refusals(404))
def report(service: Held) -> JSONResponse:
    """How good the models of this release are, and what they do not beat."""
    return JSONResponse(_report(service))


@routes.get("/report/figures/{name}", response_class=FileResponse, responses={**refusals(404), **_PICTURES})
def figure(name: Annotated[Id, Path()], service: Held) -> FileResponse:
    """A figure of the report."""
    names = [drawn["name"] for drawn in _report(service)["figures"]]
    require(name in names, f"name={name!r}", "the report has no such figure", f"pass one of {', '.join(names)}", UnknownIdError)
    path = service.release.path / "report" / "figures" / name
    require(path.is_file(), f"{path}", "the file is gone from the release", "put the release back as it was", ArtifactError)
    return FileResponse(path, media_type=mimetypes.guess_type(name)[0], headers={"cache-control": "no-cache"})


@routes.get("/health")
def health(service: Held) -> HealthOut:
    """Which release answers, over what."""
    release, log = service.release, service.backend.log
    return HealthOut(
        status="ready",
        release=release.id,
        created=release.created,
        dataset=release.settings.dataset,
        items=len(release.space.catalog),
        users=len(release.users),
        models=sorted(release.models, key=lambda name: (not name.startswith("tandem"), name)),
        events_logged=log.last_offset() if isinstance(log, SqliteEventLog) else None,
        version=__version__,
    )


def _report(service: Service) -> dict[str, Any]:
    found = service.release.report
    if found is None:
        raise UnknownIdError("report", "this release was written without one", "make the release with an evaluation")
    return found
