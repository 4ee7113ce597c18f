"""Penchant's own program, with a clock that can be stepped and a model that can hang.

Run: python -m penchant.serve.drill.altered FOLDER serve --release RELEASE ...

``FOLDER`` holds switches: the seconds that the process's clock is off, and whether Tandem hangs. All else is as it is served.
"""

from __future__ import annotations

import runpy
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from penchant.models.generative.retrievers import TandemRetriever
from penchant.models.generative.tandem import Tandem
from penchant.serve.drill.switches import CLOCK, HANG, Switches

_LOOK = 0.02  # seconds


def steppable(switches: Switches) -> Callable[[], float]:
    """A clock like ``time.time`` that is off by what its switch says."""
    true, off = time.time, [switches.value(CLOCK)]

    def look() -> None:
        while True:
            off[0] = switches.value(CLOCK)
            time.sleep(_LOOK)

    threading.Thread(target=look, name="clock", daemon=True).start()
    return lambda: true() + off[0]


def hanging(recommend: Callable[..., Any], switches: Switches) -> Callable[..., Any]:
    """The same method, which does not return as long as its switch is on."""

    @wraps(recommend)
    def hangs(*values: Any, **named: Any) -> Any:
        while switches.value(HANG):
            time.sleep(_LOOK)
        return recommend(*values, **named)

    return hangs


def run(folder: Path, arguments: list[str]) -> None:
    """Run Penchant's command line with both."""
    switches = Switches(folder)
    time.time = steppable(switches)  # before anything is imported that keeps it
    for kind in (Tandem, TandemRetriever):
        kind.recommend = hanging(kind.recommend, switches)  # pyright: ignore[reportAttributeAccessIssue]
    sys.argv = ["penchant", *arguments]
    runpy.run_module("penchant.cli.main", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
