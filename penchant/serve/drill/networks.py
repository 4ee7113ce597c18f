"""What may happen to the process that runs a server's networks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil

from penchant.core.errors import StorageError
from penchant.serve.drill.scene import Scene, until
from penchant.serve.drill.visitors import OK, Line

#: What the system calls a process that another Python has begun.
_SPAWNED = "spawn_main"


def killed(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    """End it; over when the server's next one makes lists."""
    process = _networks(scene)
    process.kill()
    until(lambda: not _runs(process), "the networks' process", "it has not ended")
    return {"seconds until networks made lists again": _until_made(scene)}


def hanging(scene: Scene, random: np.random.Generator, seconds: float) -> Mapping[str, Any]:
    """Halt it for a while: lists go on without it, as far as they have a deadline."""
    process = _networks(scene)
    process.suspend()
    try:
        time.sleep(seconds)
    finally:
        process.resume()
    return {"seconds": seconds, "seconds until networks made lists again": _until_made(scene)}


def _networks(scene: Scene) -> psutil.Process:
    server = scene.programs["server"].process
    begun = [] if server is None else psutil.Process(server.pid).children()
    for one in begun:
        if any(_SPAWNED in word for word in one.cmdline()):
            return one
    raise StorageError("the networks", "the server has no process for them", "start it with --apart")


def _runs(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _until_made(scene: Scene) -> float:
    line = Line(scene.visitors.port, scene.visitors.key)
    asked = {"user_id": scene.visitors.users[0], "k": 5, "model": "tandem"}
    try:
        return until(lambda: line.ask("/v1/recommend", asked)[0] == OK, "the networks", "they make no lists")
    finally:
        line.close()
