"""One drill after the other, and what they show: nothing acknowledged is lost, and how answers suffered meanwhile."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from penchant.core.artifacts import read_artifact
from penchant.core.errors import PenchantError
from penchant.core.machine import describe
from penchant.core.progress import note
from penchant.core.seeds import generator
from penchant.core.storage import replace_text
from penchant.pipeline.shelf import release_at
from penchant.serve.drill.faults import FAULTS, Fault
from penchant.serve.drill.scene import Kept, Scene, scene
from penchant.serve.drill.visitors import OK, Seen, Visit

_BEFORE, _AFTER = 1.0, 2.0  # seconds of visits around all faults
_PAUSE = (0.1, 1.5)  # seconds before each: at no moment in particular
_PATIENCE = 60.0  # seconds in which all must be well again
_WELL = {False: 10, True: 3}  # lists and writes in a row that make it so
_USUAL = 0.1  # share of lists that did without a part before: then it is no sign of trouble
_LOOK = 0.05
_ABOUT = (
    "Made by `penchant drill --report FILE`. Processes on one machine: a server, a worker, and `on servers` a Redis and a broker;",
    "two people who write events and two who ask for lists, each a fiftieth of a second after the last answer.",
    "Lost: acknowledged events that the log does not hold. Miscounted: users whose state holds another number of events than the log.",
    "Taken: share of the writes that were acknowledged meanwhile; the others were refused or failed, and their writers sent them again.",
)
_DURING = "Lists that were asked for from a fault's begin until all was well again:"
_KEPT = ("Fault", "On", "Times", "Events acknowledged", "Lost", "Users miscounted", "Writes taken", "Well again after", "")
_ANSWERS = ("Fault", "On", "Lists answered", "Longest outage", "Median", "p99", "Ways they were made", "Without")


@dataclass(frozen=True)
class Trouble:
    """One fault.

    Attributes:
        began: By ``time.monotonic``.
        ended: When its function returned.
        recovery: Seconds from then on until all was well again; None where it was not.
    """

    began: float
    ended: float
    recovery: float | None

    def hit(self, visit: Visit) -> bool:
        """Whether a visit was under way meanwhile."""
        return visit.began + visit.seconds >= self.began and visit.began <= self.ended + (self.recovery or 0.0)


@dataclass(frozen=True)
class Drilled:
    """What one drill showed. What is said of lists is of those that were asked for from a fault's begin until all was well again.

    Attributes:
        fault: Its name.
        backend: ``files`` or ``servers``.
        rounds: How often it happened.
        kept: What is there of what was acknowledged; None where nobody could tell.
        asked: Requests for lists.
        answered: Share of them that were answered.
        taken: Share of the writes that were.
        outage: The longest time in seconds in which no list was answered.
        recovery: Seconds from a fault's end until all was well again, the longest; None where it was not.
        median_ms: Of the lists that were answered; None where none was.
        p99_ms: Likewise.
        missing: Parts that answers did without, and how many.
        rungs: Ways in which lists were made, and how many.
        broken: Answers that no client should ever see.
        failed: What went wrong with the drill, or with what the fault asks for itself; None where nothing did.
        told: What the fault's newest round said of itself.
        seconds: That all of it took, programs started and ended.
        over: Name, items and users of the release that was served.
    """

    fault: str
    backend: str
    rounds: int
    kept: Kept | None
    asked: int
    answered: float
    taken: float
    outage: float
    recovery: float | None
    median_ms: float | None
    p99_ms: float | None
    missing: Mapping[str, int]
    rungs: Mapping[str, int]
    broken: Sequence[str]
    failed: str | None
    told: Mapping[str, Any]
    seconds: float
    over: Mapping[str, Any]

    @property
    def good(self) -> bool:
        """Whether everything counts exactly once, all was well again, and nobody saw what should never come."""
        return self.kept is not None and self.kept.good and self.recovery is not None and self.failed is None and not self.broken


def drill(fault: Fault, release: Path, folder: Path, *, on_servers: bool, rounds: int, seed: int = 0) -> Drilled:
    """Start the platform, let visitors in, let it happen, and look at what is left.

    Raises:
        InputError: A program is not installed.
        StorageError: One did not start.
    """
    random, started = generator(seed, len(fault.name)), time.monotonic()
    told: Mapping[str, Any] = {}
    troubles: list[Trouble] = []
    kept, failed = None, None
    shutil.rmtree(folder, ignore_errors=True)
    with scene(release, folder, on_servers=on_servers, seed=seed, setting=fault.setting) as made:
        made.visitors.start()
        time.sleep(_BEFORE)
        try:
            for number in range(rounds if fault.repeated else 1):
                time.sleep(float(random.uniform(*_PAUSE)))
                before, began = made.visitors.newest(), time.monotonic()
                told = fault.act(made, random)
                ended = time.monotonic()
                troubles.append(Trouble(began, ended, _recovery(made, ended, _usual(before))))
                note(f"{fault.name} on {'servers' if on_servers else 'files'}: {number + 1}")
        except PenchantError as error:
            failed = str(error)
        time.sleep(_AFTER)
        seen = made.visitors.stop()
        try:
            kept = made.kept(seen)
        except PenchantError as error:
            failed = failed or str(error)
    spent = time.monotonic() - started
    return replace(
        reckoned(fault.name, on_servers, troubles, seen), kept=kept, failed=failed, told=told, seconds=spent, over=_over(release)
    )


def _over(release: Path) -> dict[str, Any]:
    manifest = read_artifact(release_at(release), verify=False)
    items, users = (len(manifest.table(name)) for name in ("items/catalog", "users"))
    return {"dataset": manifest.manifest.settings["dataset"], "items": items, "users": users}


def _usual(visits: Sequence[Visit]) -> set[str]:
    """Parts that many lists did without."""
    lists = [visit for visit in visits if not visit.wrote]
    missing = Counter(part for visit in lists for part in visit.missing)
    return {part for part, count in missing.items() if count > _USUAL * len(lists)}


def _recovery(made: Scene, ended: float, usual: set[str]) -> float | None:
    """Wait until lists and writes are answered as before; the seconds since a fault's end.

    Args:
        ended: When it did, by ``time.monotonic``.
        usual: Parts that were missing before, too.
    """
    while time.monotonic() - ended < _PATIENCE:
        since = [visit for visit in made.visitors.newest() if visit.began >= ended]
        well = [_well([visit for visit in since if visit.wrote is wrote], usual, least) for wrote, least in _WELL.items()]
        if None not in well:
            return max(moment for moment in well if moment is not None) - ended
        time.sleep(_LOOK)
    return None


def _well(visits: Sequence[Visit], usual: set[str], least: int) -> float | None:
    """When the newest visits that went well in a row began, if there are enough of them."""
    first, count = None, 0
    for visit in reversed(visits):
        if visit.outcome != OK or set(visit.missing) - usual:
            break
        first, count = visit.began, count + 1
    return first if count >= least else None


def reckoned(name: str, on_servers: bool, troubles: Sequence[Trouble], seen: Seen) -> Drilled:
    """What visitors saw of it."""
    hit = [visit for visit in seen.visits if any(trouble.hit(visit) for trouble in troubles)]
    lists, writes = ([visit for visit in hit if visit.wrote is wrote] for wrote in (False, True))
    good = [visit for visit in lists if visit.outcome == OK]
    spent = np.array([visit.seconds for visit in good]) * 1e3
    ends = np.sort([visit.began + visit.seconds for visit in seen.visits if visit.outcome == OK and not visit.wrote])
    recoveries = [trouble.recovery for trouble in troubles]
    well = None not in recoveries and recoveries
    return Drilled(
        fault=name,
        backend="servers" if on_servers else "files",
        rounds=len(troubles),
        kept=None,
        asked=len(lists),
        answered=len(good) / max(len(lists), 1),
        taken=sum(visit.outcome == OK for visit in writes) / max(len(writes), 1),
        outage=float(np.diff(ends).max()) if len(ends) > 1 else 0.0,
        recovery=max(one for one in recoveries if one is not None) if well else None,
        median_ms=float(np.median(spent)) if good else None,
        p99_ms=float(np.quantile(spent, 0.99)) if good else None,
        missing=dict(Counter(part for visit in good for part in visit.missing)),
        rungs=dict(Counter(visit.rung for visit in good)),
        broken=seen.broken[:5],
        failed=None,
        told={},
        seconds=0.0,
        over={},
    )


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
    drills = sorted(values["drills"], key=lambda one: [fault.name for fault in FAULTS].index(one["fault"]))
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
