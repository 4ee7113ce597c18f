"""``penchant plan``: from what is wanted to what it takes, measured on this machine."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import psutil
import torch
import typer
import uvicorn
from rich.console import Console

from penchant.cli.options import ReleaseOption
from penchant.cli.serving import DEFAULT_RELEASE
from penchant.core.machine import describe
from penchant.core.progress import stage
from penchant.pipeline.release import Release, load_release
from penchant.pipeline.shelf import release_at
from penchant.serve.app import create_app
from penchant.serve.plan import Measured, Plan, Wish, measure, plan
from penchant.serve.server import bound
from penchant.serve.sqlite_log import SqliteEventLog

console = Console(soft_wrap=True)
_START = 60.0  # seconds that a server has


def plan_service(
    release: ReleaseOption = DEFAULT_RELEASE,
    items: Annotated[int | None, typer.Option("--items", min=1, help="Of the catalogue. Default: as many as the release has.")] = None,
    users: Annotated[int | None, typer.Option("--users", min=1, help="Whose state is kept. Default: as many as the release has.")] = None,
    rate: Annotated[float, typer.Option("--rate", min=0.01, help="Lists a second at the busiest time.")] = 50.0,
    goal_ms: Annotated[float, typer.Option("--goal-ms", min=1, help="Within which 99 of 100 lists are to be answered.")] = 50.0,
    lists: Annotated[int, typer.Option("--lists", min=20, help="To measure.")] = 200,
) -> None:
    """How many processes and how much memory a service needs, from what a release takes here. Best on a machine that is idle.

    Example: `penchant plan --release runs/my-shop/release --items 1000000 --users 5000000 --rate 200 --goal-ms 80`
    """
    before = float(psutil.Process().memory_info().rss)
    with stage(f"Loading {release}"):
        loaded = load_release(release_at(release))
    wish = Wish(items=items or len(loaded.space.catalog), users=users or max(len(loaded.users), 1), rate=rate, goal_ms=goal_ms)
    torch.set_num_threads(1)
    with served(loaded) as port, stage(f"Asking for {lists} lists"):
        found = measure(loaded, port, before=before, items=wish.items, lists=lists)
    _tell(wish, found, plan(wish, found))


@contextmanager
def served(release: Release) -> Iterator[int]:
    """The port of a server in this process, with a log of its own that is thrown away."""
    with tempfile.TemporaryDirectory() as folder, closing(SqliteEventLog(Path(folder) / "events.sqlite")) as log:
        server = uvicorn.Server(uvicorn.Config(create_app(release, log=log), log_level="warning", timeout_graceful_shutdown=2))
        with bound("127.0.0.1", 0) as listener:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            ends = time.monotonic() + _START
            while not server.started and thread.is_alive() and time.monotonic() < ends:
                time.sleep(0.02)
            yield listener.getsockname()[1]
            server.should_exit = True
            thread.join()


def _tell(wish: Wish, found: Measured, answer: Plan) -> None:
    machine = describe()
    console.print(f"Measured here ({machine.cpu}, {machine.load[0]:g} processes wanted its {machine.cores} cores):")
    console.print(f"  a list over HTTP, one at a time     {sorted(found.seconds)[len(found.seconds) // 2] * 1e3:,.1f} ms (median)")
    console.print(
        f"  a scan of the catalogue             {found.scan * 1e3:,.2f} ms, of {wish.items:,} items {found.scan_wished * 1e3:,.2f} ms"
    )
    console.print(f"  the process                         {found.process_bytes / 1e9:,.2f} GB, an item {found.item_bytes:,.0f} bytes")
    console.print(f"  a user's state                      {found.state_bytes:,.0f} bytes")
    console.print(f"For {wish.items:,} items, {wish.users:,} users, {wish.rate:g} lists/s, 99 of 100 within {wish.goal_ms:g} ms:")
    console.print(f"  a list takes                        {answer.list_ms:,.1f} ms where nobody waits")
    console.print(f"  one process answers in time         {answer.rate_a_process:,.1f} lists/s")
    if answer.processes is None:
        console.print(
            "  processes                           no number is enough: a list alone takes longer. A deadline makes lists quicker"
        )
        console.print("                                      (penchant serve --deadline-ms), and so does a smaller model.")
    else:
        console.print(f"  processes, a core each              {answer.processes:,}")
        console.print(f"  expected with these                 median {answer.p50_ms:,.1f} ms, 99 of 100 within {answer.p99_ms:,.1f} ms")
    console.print(f"  memory of a process                 {answer.process_gb:,.2f} GB")
    console.print(f"  state store                         {answer.store_gb:,.2f} GB, and what the server of it takes on top")
