"""A real server with a real small model for tests, on this machine: the one of transformers."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penchant.core.errors import PenchantError
from penchant.serve.drill.programs import Program, free_port
from tests.servers import running

_HOME = "penchant.llm.smollm2"
_SERVE = "from transformers.cli.transformers import main; main()"


def model_folder() -> Path:
    """The folder of SmolLM2-135M-Instruct; skips the test where it is not to be had."""
    if importlib.util.find_spec(_HOME) is None:
        pytest.skip(f"{_HOME} is not there: no small model to serve")
    try:
        return Path(importlib.import_module(_HOME).folder())
    except PenchantError as missing:
        pytest.skip(str(missing))


@contextmanager
def transformers_server(logs: Path) -> Iterator[tuple[str, str]]:
    """Its address and the name of its model. It computes on one thread, and holds no model to a schema."""
    folder, port = model_folder(), free_port()
    command = [sys.executable, "-c", _SERVE, "serve", str(folder), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with running(lambda: Program("transformers serve", command, port, environment=environment, log=logs / "server.log")):
        yield f"http://127.0.0.1:{port}/v1", str(folder)
