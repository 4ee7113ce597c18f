"""Experiments: starting, stopping, and reading them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from penchant.core.errors import StorageError
from penchant.serve.experiments.answers import ExperimentOut, ExperimentsOut, ResultOut
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.hub import Experiments
from penchant.serve.refusals import refusals
from penchant.serve.requests import Id
from penchant.serve.routes.base import router
from penchant.serve.service import Held, Service

routes = router("experiments")


@routes.get("/experiments")
def experiments(service: Held) -> ExperimentsOut:
    """All experiments, the newest first."""
    hub = _hub(service)
    now = hub.clock()
    found = [ExperimentOut.of(record, now) for record in hub.registry.all()]
    return ExperimentsOut(experiments=found, generators=_merged(service))


@routes.post("/experiments", status_code=201)
def start(asked: Experiment, service: Held) -> ExperimentOut:
    """Start an experiment. All servers follow within seconds."""
    hub = _hub(service)
    return ExperimentOut.of(hub.registry.start(asked, service.recommender.models, _merged(service)), hub.clock())


@routes.get("/experiments/{name}", responses=refusals(404))
def experiment(name: Annotated[Id, Path()], service: Held) -> ResultOut:
    """What an experiment shows so far."""
    return _hub(service).result(name, service.state)


@routes.delete("/experiments/{name}", responses=refusals(404))
def stop(name: Annotated[Id, Path()], service: Held) -> ExperimentOut:
    """Stop an experiment. What it showed can still be read."""
    hub = _hub(service)
    return ExperimentOut.of(hub.registry.stop(name, "stopped by hand"), hub.clock())


def _merged(service: Service) -> list[str]:
    """Generators of which some list is merged, the best way to make one first."""
    recommender = service.recommender
    ways = [*(rung.generators for rung in recommender.rungs), recommender.newcomers]
    return list(dict.fromkeys(name for generators in ways for name in generators))


def _hub(service: Service) -> Experiments:
    if service.backend.experiments is None:
        raise StorageError("experiments", "this server has nowhere to keep them", "start it with a state store")
    return service.backend.experiments
