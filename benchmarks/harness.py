"""What every benchmark shares: rows, results on disk, a fresh process for each measured part.

A row says what was measured, in which unit, what came out, the bar it is held against and whether it holds, on which
machine, at which load, at which commit. Times are of one process; peak memory is that process's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from penchant.core.machine import describe

RESULTS = Path(__file__).parent / "results"


def row(what: str, unit: str, ours: float, *, bar: float | None = None, below: bool = True, **more: Any) -> dict[str, Any]:
    """One result.

    Args:
        bar: What it is held against.
        below: Whether the bar is an upper limit.
    """
    holds = None if bar is None else bool(ours <= bar if below else ours >= bar)
    return {
        "what": what,
        "unit": unit,
        "ours": float(f"{ours:.4g}"),
        "bar": bar,
        "holds": holds,
        "peer": None,
        "peer_name": None,
        "peer_version": None,
        "ratio": None,
        **more,
    }


def compared(
    what: str, unit: str, ours: list[float], peer: list[float], *, bar: float | None = None, more_is_better: bool = True
) -> dict[str, Any]:
    """One result against a peer, from runs that took turns.

    ``ours``, ``peer`` and ``ratio`` are medians and how many times better ours is; the bar is held against the ratio.
    """
    mine, its = float(np.median(ours)), float(np.median(peer))
    ratio = mine / its if more_is_better else its / mine
    return {
        **row(what, unit, mine),
        "bar": bar,
        "holds": None if bar is None else ratio >= bar,
        "peer": float(f"{its:.4g}"),
        "ratio": float(f"{ratio:.4g}"),
        "runs": {"ours": [float(f"{one:.4g}") for one in ours], "peer": [float(f"{one:.4g}") for one in peer]},
    }


def stamped(one: dict[str, Any]) -> dict[str, Any]:
    """The row with the machine it comes from, the load and the commit; one that has them keeps its own."""
    machine = describe()
    plain = machine.plain()
    told = {key: plain[key] for key in ("cpu", "cores", "threads", "memory_gb", "python", "packages")}
    return {
        **one,
        **{key: one.get(key, value) for key, value in (("machine", told), ("load", machine.load[0]), ("commit", machine.commit))},
    }


def write(name: str, rows: list[dict[str, Any]]) -> None:
    """Save rows with the machine they came from, and show them."""
    RESULTS.mkdir(exist_ok=True)
    full = [stamped(one) for one in rows]
    (RESULTS / f"{name}.json").write_text(json.dumps(full, indent=1) + "\n", encoding="utf-8")
    for one in rows:
        against = "" if one["bar"] is None else f"  (bar {one['bar']:g}: {'holds' if one['holds'] else 'MISSED'})"
        peer = "" if one["ratio"] is None else f", {one['peer_name']} {one['peer']:g}, {one['ratio']:g} times better"
        sys.stdout.write(f"{name}: {one['what']}: {one['ours']:g} {one['unit']}{peer}{against}\n")


def median_ms(call: Callable[[], object], *, repeats: int = 200, warm: int = 20) -> float:
    """Median milliseconds of a call, after warming up."""
    for _ in range(warm):
        call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1e3


def alone(module: str, part: str, *arguments: str) -> dict[str, Any]:
    """Run ``python -m module part arguments`` in a fresh process, so that its memory is its own; its last line is JSON."""
    done = subprocess.run([sys.executable, "-m", module, part, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} {part} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def answer(value: dict[str, Any]) -> None:
    """What a part run by ``alone`` says at its end."""
    sys.stdout.write(json.dumps(value) + "\n")
