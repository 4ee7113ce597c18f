"""Real servers for tests, each on a free port of this machine: Redis, and a broker that speaks Kafka's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penchant.core.errors import InputError
from penchant.serve.drill import programs
from penchant.serve.drill.programs import Program, free_port

__all__ = ["free_port", "kafka_broker", "redis_server", "running"]


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[int]:
    """The port of a Redis that keeps nothing on disk; skips the test where there is none."""
    with running(lambda: programs.redis(folder, port or free_port())) as program:
        yield program.port


@contextmanager
def kafka_broker(port: int | None = None) -> Iterator[int]:
    """The port of a broker that keeps everything in memory; skips the test where there is none."""
    with running(lambda: programs.broker(port or free_port())) as program:
        yield program.port


@contextmanager
def running(make: Callable[[], Program]) -> Iterator[Program]:
    """A program, started and ended afterwards; skips the test where it is not installed."""
    try:
        program = make()
    except InputError as missing:
        pytest.skip(str(missing))
    program.start()
    try:
        yield program
    finally:
        program.kill()
