"""Running the service in this process."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from contextlib import ExitStack, closing, suppress
from ipaddress import ip_address
from pathlib import Path

import torch
import uvicorn

from penchant.core.errors import InputError, require
from penchant.core.progress import note, stage
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf, release_at
from penchant.serve.app import create_app
from penchant.serve.backends import SERVED_NAME, opened
from penchant.serve.brokers import Brokers
from penchant.serve.open_telemetry import Traces
from penchant.serve.service import ServeSettings, apart
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.swap import settle
from penchant.serve.work import work
from penchant.serve.worker_apart import WorkerApart

_TURN = 0.0005  # seconds
_PATIENCE = 5  # seconds that running requests have at the end


def serve(
    release_folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    data_dir: Path,
    redis: str | None = None,
    kafka: str | Brokers | None = None,
    follow: bool = True,
    settings: ServeSettings | None = None,
) -> None:
    """Serve a release until Ctrl-C or a termination signal.

    Args:
        release_folder: What ``write_release`` wrote, verified before anything is bound; or a shelf, whose live release is
            served, and any other that becomes live later.
        host: Address to listen at; ``0.0.0.0`` for all. Beyond loopback without keys, a warning is given.
        port: 0 for any that is free.
        data_dir: Where the log of what was served lies, and event log and state, as far as they are files.
        redis: Server that keeps what the worker makes instead, see ``penchant.serve.backends.opened``.
        kafka: Brokers that keep the event log instead.
        follow: Run a near-line worker, too, in a process of its own where the networks of the first release have one; not needed where
            ``work`` runs somewhere.
        settings: How to answer.

    Raises:
        ArtifactError: The release or the event log is damaged.
        StorageError: The event log cannot be written, or a server does not answer.
        InputError: The address cannot be listened at, or nothing can be sent to the one of ``settings.traces``.
    """
    require(0 <= port <= 65_535, f"port={port}", "ports are 0 to 65535", "pass another port")
    place = Path(release_folder)
    folder, shelf = release_at(place), Shelf(place) if Shelf.at(place) else None
    with stage(f"Loading {folder}"):
        release = load_release(folder)
    traces = None if settings is None or settings.traces is None else Traces.to(settings.traces)
    settings = settings or ServeSettings()
    with (
        opened(data_dir, redis=redis, kafka=kafka) as (log, store),
        closing(SqliteServedLog(Path(data_dir) / SERVED_NAME)) as served,
        ExitStack() as ends,
    ):
        # One history at a time is too little work to share among cores; requests share them instead.
        torch.set_num_threads(1)
        # A thread that comes back from a matrix product waits this long for one that runs Python: the default is 5 ms each time.
        sys.setswitchinterval(_TURN)
        elsewhere = follow and apart(release, settings)
        here = follow and not elsewhere
        app = create_app(release, log=log, store=store, settings=settings, follow=here, shelf=shelf, served=served, traces=traces)
        if elsewhere:
            how = {"data_dir": data_dir, "redis": redis, "kafka": kafka, "adapts": settings.adapt, "traces": settings.traces}
            worker = WorkerApart(work, place, how=lambda: {**how, "otherwise": app.state.current.service.release.path})
            ends.enter_context(closing(worker))
        settle()
        if not loopback(host) and settings.keys is None:
            note(f"WARNING: {host} can be reached from other machines, and everybody may read and delete users' data: pass --keys FILE")
        with bound(host, port) as listener, suppress(KeyboardInterrupt):  # uvicorn has ended all requests before it passes this on
            signal.signal(signal.SIGTERM, _ended)  # which uvicorn passes on, too: what waits for the disk is written all the same
            found = listener.getsockname()[1]
            config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_PATIENCE)
            _Server(config, f"Penchant serves {release.settings.dataset} at {address(host, found)} (Ctrl-C ends)").run(sockets=[listener])
    note("The server has ended")


def _ended(*_: object) -> None:
    raise KeyboardInterrupt


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, greeting: str) -> None:
        super().__init__(config)
        self._greeting = greeting

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            note(self._greeting)


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to the address.

    Raises:
        InputError: It is taken, not allowed, or not of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise InputError(f"host={host!r}", f"no address of this machine ({error})", "pass 127.0.0.1, or 0.0.0.0 for all") from error
    try:
        if os.name == "posix":  # an ended server's address is free at once; elsewhere the option means something else
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
    except OSError as error:
        listener.close()
        remedies = {
            errno.EADDRINUSE: "end what listens there, or pass another port (0 for any free one)",
            errno.EACCES: "pass a port from 1024 on",
        }
        remedy = remedies.get(error.errno or 0, "pass 127.0.0.1, or 0.0.0.0 for all, and another port")
        raise InputError(f"{host}:{port}", f"the address cannot be listened at ({os.strerror(error.errno or 0)})", remedy) from error
    return listener


def loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at ``host``, as far as the name tells."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(host: str, port: int) -> str:
    """The address for a browser on this machine."""
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
