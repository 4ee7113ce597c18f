"""What drills have shown, as a file for programs and as a page for people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from penchant.core.machine import describe
from penchant.core.storage import replace_text
from penchant.serve.drill.drilled import Drilled
from penchant.serve.drill.faults import FAULTS

_ABOUT = (
    "Made by `penchant drill --report FILE`. Processes on one machine: a server, a worker, and `on servers` a Redis and a broker;",
    "two people who write events and two who ask for lists, each a fiftieth of a second after the last answer.",
    "Lost: acknowledged events that the log does not hold. Miscounted: users whose state holds another number of events than the log.",
    "Taken: share of the writes that were acknowledged meanwhile; the others were refused or failed, and their writers sent them again.",
)
_DURING = "Lists that were asked for from a fault's begin until all was well again:"
_KEPT = ("Fault", "On", "Times", "Events acknowledged", "Lost", "Users miscounted", "Writes taken", "Well again after", "")
_ANSWERS = ("Fault", "On", "Lists answered", "Longest outage", "Median", "p99", "Ways they were made", "Without")


def write(found: Drilled, path: Path) -> None:
    """Put it into a report, JSON and beside it a page for people, ``NAME.md``; what that held of other drills stays.

    Raises:
        StorageError: The disk refused.
    """
    before = json.loads(path.read_bytes())["drills"] if path.exists() else []
    one = plain(found)
    others = [other for other in before if _name(other) != _name(one)]
    values = {"drills": [*others, one]}
    replace_text(path, json.dumps(values, indent=1) + "\n")
    replace_text(path.with_suffix(".md"), page(values))


def plain(found: Drilled) -> dict[str, Any]:
    """A drill as JSON values, with the machine that it is from."""
    machine = describe().plain()
    return {**asdict(found), "good": found.good, "machine": {name: machine[name] for name in ("cpu", "cores", "load", "commit")}}


def page(values: Mapping[str, Any]) -> str:
    """A report for people: a table of what was kept, one of how answers suffered, and what faults told of themselves."""
    order = [fault.name for fault in FAULTS]
    drills = sorted(values["drills"], key=lambda one: (order.index(one["fault"]), one["backend"]))
    lines = ["# Drills", "", *_ABOUT, "", *_table(_KEPT)]
    lines += [_row(*_name(one), *_what_was_kept(one), _short(one["recovery"], "s"), _verdict(one)) for one in drills]
    lines += ["", _DURING, "", *_table(_ANSWERS)]
    lines += [_row(*_name(one), *_how_answers_were(one)) for one in drills]
    lines += ["", "What the newest round of each told besides:", ""]
    lines += [f"- {' on '.join(_name(one))}: {_listed(one['told'])}" for one in drills if one["told"]]
    return "\n".join([*lines, "", *_from(drills)]) + "\n"


def _from(drills: Sequence[Mapping[str, Any]]) -> list[str]:
    """On which machine, over which release."""
    loads: dict[str, list[float]] = {}
    for one in drills:
        machine, over = one["machine"], one["over"]
        commit, changes = str(machine["commit"]).partition("+")[::2]
        told = f"{over['dataset']}: {over['items']:,} items, {over['users']:,} users. {machine['cpu']}, {machine['cores']} cores, "
        loads.setdefault(f"{told}commit {commit[:12]}{' with changes' if changes else ''}", []).append(machine["load"][0])
    minutes = sum(one["seconds"] for one in drills) / 60
    return [f"{told}; load {min(load):.1f} to {max(load):.1f}." for told, load in loads.items()] + [f"All took {minutes:,.0f} minutes."]


def _name(one: Mapping[str, Any]) -> tuple[str, str]:
    return one["fault"], one["backend"]


def _what_was_kept(one: Mapping[str, Any]) -> tuple[str, ...]:
    kept = one["kept"] or {"acknowledged": 0, "lost": "?", "miscounted": "?"}
    return f"{one['rounds']}", f"{kept['acknowledged']:,}", f"{kept['lost']}", f"{kept['miscounted']}", f"{one['taken']:.1%}"


def _how_answers_were(one: Mapping[str, Any]) -> tuple[str, ...]:
    answered = f"{one['answered']:.1%} of {one['asked']:,}"
    shares = {name: count / max(sum(one["rungs"].values()), 1) for name, count in one["rungs"].items()}
    ways = ", ".join(f"{name} {share:.0%}" for name, share in sorted(shares.items(), key=lambda pair: -pair[1])) or "–"
    without = ", ".join(f"{name} {count:,}" for name, count in sorted(one["missing"].items())) or "–"
    return answered, _short(one["outage"], "s"), _short(one["median_ms"], "ms"), _short(one["p99_ms"], "ms"), ways, without


def _verdict(one: Mapping[str, Any]) -> str:
    return "holds" if one["good"] else f"**fails**: {one['failed'] or '; '.join(one['broken']) or 'see the row'}"


def _listed(told: Mapping[str, Any]) -> str:
    return "; ".join(f"{name}: {_figures(value)}" for name, value in told.items())


def _figures(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_figures, value))
    return f"{value:,.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _short(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:,.0f} {unit}" if value >= 10 else f"{value:.1f} {unit}"


def _table(head: Sequence[str]) -> list[str]:
    return [_row(*head), f"|{'---|' * len(head)}"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
