"""One drill: the platform is started, visitors come, something happens again and again, and what they saw of it is reckoned."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from penchant.core.artifacts import read_artifact
from penchant.core.errors import InputError, PenchantError
from penchant.core.progress import note
from penchant.core.seeds import generator
from penchant.pipeline.shelf import release_at
from penchant.serve.drill.faults import Fault
from penchant.serve.drill.scene import Kept, Scene, scene
from penchant.serve.drill.visitors import OK, Seen, Visit

_BEFORE, _AFTER = 1.0, 2.0  # seconds of visits around all faults
_PAUSE = (0.1, 1.5)  # seconds before each: at no moment in particular
_PATIENCE = 60.0  # seconds in which all must be well again
_WELL = {False: 10, True: 3}  # lists and writes in a row that make it so
_USUAL = 0.1  # share of lists that did without a part before: then it is no sign of trouble
_LOOK = 0.05


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
        InputError: A program is not installed, or this machine does not allow it.
        StorageError: A program did not start.
    """
    random, started = generator(seed, len(fault.name)), time.monotonic()
    told: Mapping[str, Any] = {}
    troubles: list[Trouble] = []
    kept, failed = None, None
    shutil.rmtree(folder, ignore_errors=True)
    with scene(release, folder, on_servers=on_servers, seed=seed, setting=fault.setting) as made:
        made.visitors.start()
        time.sleep(_BEFORE)
        usual = _usual(made.visitors.newest())
        try:
            for number in range(rounds if fault.repeated else 1):
                time.sleep(float(random.uniform(*_PAUSE)))
                before, began = len(made.visitors.seen.visits), time.monotonic()
                told = fault.act(made, random)
                ended = time.monotonic()
                troubles.append(Trouble(began, ended, _recovery(made, ended, usual, before)))
                note(f"{fault.name} on {'servers' if on_servers else 'files'}: {number + 1}")
        except InputError:  # it cannot be done here
            raise
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


def _recovery(made: Scene, ended: float, usual: set[str], before: int = 0) -> float | None:
    """Wait until lists and writes are answered as before; the seconds since a fault's end.

    Args:
        ended: When it did, by ``time.monotonic``.
        usual: Parts that were missing before, too.
        before: Visits that are too old to look at.
    """
    while time.monotonic() - ended < _PATIENCE:
        since = [visit for visit in made.visitors.newest(before) if visit.began >= ended]
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
