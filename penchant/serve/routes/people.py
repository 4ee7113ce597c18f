"""Whom a request is about, and what they ask for, as far as it can be read."""

from __future__ import annotations

from penchant.core.errors import ArtifactError, StorageError
from penchant.pipeline.steering import Steering
from penchant.serve.routes.steering import standing
from penchant.serve.service import Service
from penchant.serve.state import Person


def somebody(service: Service, user_id: str | None) -> tuple[Person | None, list[str]]:
    """A user, and the parts that could not be read: without its log the service goes by the release. None is nobody in particular.

    Whoever opted out is still somebody here; see ``Person.personalised``.
    """
    if user_id is None:
        return None, []
    try:
        return service.state.person(user_id), []
    except (StorageError, ArtifactError):
        return service.state.as_released(user_id), ["live events"]


def wishes(service: Service, user_id: str | None, now: int) -> tuple[Steering, list[str]]:
    """What holds for every list of a user, and the parts that could not be read."""
    if user_id is None:
        return Steering(), []
    try:
        return standing(user_id, service, now), []
    except (StorageError, ArtifactError):
        return Steering(), ["steering"]
