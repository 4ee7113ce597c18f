"""One drill after the other, and what they show: nothing acknowledged is lost, and how answers suffered meanwhile."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from penchant.core.machine import describe
from penchant.core.progress import note
from penchant.core.seeds import generator
from penchant.core.storage import replace_text
from penchant.serve.drill.faults import Fault
from penchant.serve.drill.scene import Kept, scene
from penchant.serve.drill.visitors import OK, Seen

_BEFORE, _AFTER = 1.0, 2.0  # seconds of visits around a fault


@dataclass(frozen=True)
class Drilled:
    """What one drill showed.

    Attributes:
        fault: Its name.
        backend: ``files`` or ``servers``.
        rounds: How often it happened.
        kept: What is there of what was acknowledged.
        asked: Requests for lists.
        answered: Share of them that were answered.
        outage: The longest time in seconds in which none was.
        median_ms: Of those answered.
        p99_ms: Likewise.
        missing: Parts that answers did without, and how many.
        rungs: Ways in which lists were made, and how many.
        broken: Answers that no client should ever see.
        told: What the fault's newest round said of itself.
    """

    fault: str
    backend: str
    rounds: int
    kept: Kept
    asked: int
    answered: float
    outage: float
    median_ms: float
    p99_ms: float
    missing: Mapping[str, int]
    rungs: Mapping[str, int]
    broken: Sequence[str]
    told: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether everything counts exactly once and nobody saw what should never come."""
        return self.kept.good and not self.broken


def drill(fault: Fault, release: Path, folder: Path, *, on_servers: bool, rounds: int, seed: int = 0) -> Drilled:
    """Start the platform, let visitors in, let it happen, and look at what is left.

    Raises:
        InputError: A program is not installed.
        StorageError: Something did not start, or the worker did not catch up.
    """
    random = generator(seed, len(fault.name))
    told: Mapping[str, Any] = {}
    times = rounds if fault.repeated else 1
    shutil.rmtree(folder, ignore_errors=True)
    with scene(release, folder, on_servers=on_servers, seed=seed, extra=fault.arguments) as made:
        made.visitors.start()
        time.sleep(_BEFORE)
        for number in range(times):
            told = fault.act(made, random)
            note(f"{fault.name} on {'servers' if on_servers else 'files'}: {number + 1} of {times}")
        time.sleep(_AFTER)
        seen = made.visitors.stop()
        kept = made.kept(seen)
    return _drilled(fault.name, on_servers, times, seen, kept, told)


def _drilled(name: str, on_servers: bool, rounds: int, seen: Seen, kept: Kept, told: Mapping[str, Any]) -> Drilled:
    good = sorted((moment + seconds, seconds) for moment, outcome, seconds in seen.asked if outcome == OK)
    spent = np.array([seconds for _, seconds in good]) * 1e3 if good else np.array([np.nan])
    ends = np.array([moment for moment, _ in good])
    return Drilled(
        fault=name,
        backend="servers" if on_servers else "files",
        rounds=rounds,
        kept=kept,
        asked=len(seen.asked),
        answered=len(good) / max(len(seen.asked), 1),
        outage=float(np.diff(ends).max()) if len(ends) > 1 else 0.0,
        median_ms=float(np.median(spent)),
        p99_ms=float(np.quantile(spent, 0.99)),
        missing=seen.parts,
        rungs=seen.rungs,
        broken=seen.broken[:5],
        told=told,
    )


def write(found: Sequence[Drilled], path: Path) -> None:
    """The report as JSON, and beside it as a table for people, ``NAME.md``.

    Raises:
        StorageError: The disk refused.
    """
    machine = describe().plain()
    values = {"machine": machine, "drills": [{**asdict(one), "good": one.good} for one in found]}
    replace_text(path, json.dumps(values, indent=1) + "\n")
    replace_text(path.with_suffix(".md"), markdown(found, machine))


def markdown(found: Sequence[Drilled], machine: Mapping[str, Any]) -> str:
    """A table with a line a drill."""
    head = ("Fault", "On", "Times", "Events acknowledged", "Lost", "Users miscounted", "Lists answered", "Longest outage", "p99", "Without")
    lines = ["# Drills", "", f"{machine['cpu']}, {machine['cores']} cores, commit {machine['commit']}.", ""]
    lines += ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * 7 + "---|"]
    for one in found:
        cells = (
            one.fault,
            one.backend,
            f"{one.rounds}",
            f"{one.kept.acknowledged:,}",
            f"{one.kept.lost}",
            f"{one.kept.miscounted}",
            f"{one.answered:.1%} of {one.asked:,}",
            f"{one.outage:.1f} s",
            f"{one.p99_ms:,.0f} ms",
            ", ".join(sorted(one.missing)) or "–",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
