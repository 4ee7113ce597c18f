"""``penchant drill``: break things on purpose, and see what is lost."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from penchant.cli.options import ReleaseOption
from penchant.cli.serving import DEFAULT_RELEASE
from penchant.core.errors import InputError
from penchant.serve.drill.drilled import Drilled, drill
from penchant.serve.drill.faults import FAULTS, chosen
from penchant.serve.drill.report import page, plain, write

console = Console()
_TERMINATED = 128 + signal.SIGTERM


def run_drills(
    names: Annotated[list[str] | None, typer.Argument(help="Faults; all by default. See --list.")] = None,
    release: ReleaseOption = DEFAULT_RELEASE,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often processes are killed and releases spoilt.")] = 5,
    files: Annotated[bool, typer.Option("--files/--no-files", help="On this machine's files.")] = True,
    servers: Annotated[bool, typer.Option("--servers/--no-servers", help="On a Redis and a broker that are started for it.")] = True,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="Where to put what was found, as JSON and Markdown; what it holds of other drills stays."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Tell the faults and end.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of visitors and moments.")] = 0,
) -> None:
    """Start the platform, let people use it, break it, and compare what it acknowledged with what is left.

    Ends with 1 if anything is lost or counts twice, if not all is well again, or if a drill cannot be done here.

    Examples: `penchant drill --list` · `penchant drill "kill worker" --rounds 50` · `penchant drill --report drills.json`
    """
    if show:
        for fault in FAULTS:
            console.print(f"{fault.name:14} {fault.says}{' Needs Redis and a broker.' if fault.servers else ''}")
        return
    faults = chosen(names)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))  # as after Ctrl-C, what was started is ended
    found: list[Drilled] = []
    left_out = 0
    with tempfile.TemporaryDirectory() as folder:
        for fault in faults:
            for on_servers in [False] * (files and not fault.servers) + [True] * servers:
                where = Path(folder) / f"{fault.name.replace(' ', '-')}-{on_servers}"
                try:
                    found.append(drill(fault, release, where, on_servers=on_servers, rounds=rounds, seed=seed))
                except InputError as error:
                    left_out += 1
                    console.print(f"{fault.name} is left out: {error}")
                    continue
                finally:
                    shutil.rmtree(where, ignore_errors=True)
                if report is not None:
                    write(found[-1], report)
    console.print(Markdown(page({"drills": [plain(one) for one in found]})))
    if left_out or not all(one.good for one in found):
        raise typer.Exit(1)
