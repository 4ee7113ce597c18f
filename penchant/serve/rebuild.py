"""The offline layer: a release from the last days of what everybody did, put on the shelf whole or not at all.

What is read is settled before anything is made: the place in the log, and the window of time. So a run that was killed goes
on with the same, and a run over the same data makes the same release, byte for byte.

Letters: none.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.core.errors import InputError, StorageError, require
from penchant.core.manifest import dated
from penchant.core.progress import note, stage
from penchant.core.storage import replace_text
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset
from penchant.data.schema import EVENTS
from penchant.data.sources import Loaded, from_frames
from penchant.items.encoders import TextEncoder
from penchant.pipeline.job import JobSettings, for_dataset, run
from penchant.pipeline.release import Window
from penchant.pipeline.shelf import Shelf
from penchant.serve.choices import Choices
from penchant.serve.events import AHEAD, REBUILT_DAYS, EventLog
from penchant.serve.logged import PLACE, read_log, standing_events, window, without_forgotten
from penchant.users.decay import DAY

PLAN = "plan.json"
COLUMNS = ("user_id", "item_id", "timestamp", "event", "value")
DAYS = REBUILT_DAYS


@dataclass(frozen=True)
class Built:
    """What became of a run.

    Attributes:
        name: Of the release on the shelf.
        window: What it was made of.
        events: How many.
        new: Whether it was made now, and did not lie on the shelf.
    """

    name: str
    window: Window
    events: int
    new: bool


def rebuild(
    base: Loaded,
    log: EventLog | None,
    shelf: Shelf,
    work: Path,
    *,
    choices: Choices | None = None,
    encoder: Callable[[Catalog], TextEncoder],
    days: int = DAYS,
    until: int | None = None,
    settings: Callable[[Dataset], JobSettings] = for_dataset,
    clock: Callable[[], float] = time.time,
) -> Built:
    """Make a release of the last days and put it on the shelf. It is not promoted.

    Args:
        base: The catalogue, and what happened before the log began.
        log: What happened since; None where there is none.
        shelf: Where the release goes.
        work: For the plan, checkpoints and logs. A run that finds a plan there goes on with it.
        choices: Whose earlier events are left out, because they were forgotten; None: nobody's.
        encoder: Makes an encoder for a catalogue.
        days: Of the window.
        until: Its end, UTC seconds, which is not in it; by default just after the newest event.
        settings: Of the job.
        clock: UTC seconds; events of the log that lie more than a day ahead of it are left out.

    Raises:
        InputError: No event lies in the window, or the plan in ``work`` is of other wishes.
        DataError: Too many events were refused.
        StorageError: Log or disk refused.
    """
    begun = _begun(work, base, days=days, until=until)
    positions = begun.positions if begun is not None else {} if log is None else log.end()
    with stage(f"Reading {days} days"):
        told, reached = _told(base, log, positions, latest=int(clock()) + AHEAD)
        short = begun is not None and reached != dict(positions)
        require(not short, f"{log}", "it gives less than when this run began", "look at the broker, then run it again", StorageError)
        positions = reached  # what came to light no further is not in the release, and counts as live
        plan = begun or _settled(work, base, told, positions, days=days, until=until)
        # Others may log items that nobody can describe; they are no items of this catalogue.
        known = told.join(base.validated.items.select("item_id"), on="item_id", how="semi", maintain_order="left")
        events = standing_events(known).sort("timestamp", maintain_order=True)
        events = (events if choices is None else without_forgotten(events, choices)).drop(list(PLACE))
        loaded = from_frames(window(events, until=plan.until, days=days), base.validated.items, name=base.dataset.name)
    dataset = loaded.dataset
    note(str(loaded.validated.summary))
    if (there := _there(shelf, plan, dataset)) is not None:
        _clear(work)
        return Built(there, plan, dataset.histories.num_events, new=False)
    with dated(plan.until):
        run(dataset, encoder(dataset.catalog), settings(dataset), work=work / "run", release=work / "release", window=plan)
    name = shelf.add(work / "release")
    _clear(work)
    return Built(name, plan, dataset.histories.num_events, new=True)


def _clear(work: Path) -> None:
    """The plan goes last: whoever is killed before finds it, and the release on the shelf, and does not make another one."""
    for path in work.iterdir():
        if path.name != PLAN:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(work)


def _begun(work: Path, base: Loaded, *, days: int, until: int | None) -> Window | None:
    """What an unfinished run has settled; None where there is none."""
    path = work / PLAN
    if not path.exists():
        return None
    told = json.loads(path.read_bytes())
    rule = "an unfinished run of other wishes lies there"
    require(told["asked"] == _asked(base, days, until), f"{work}", rule, "repeat that run, or delete the folder")
    note(f"Going on with the run in {work}")
    return Window.of(told["window"])


def _settled(work: Path, base: Loaded, events: pl.DataFrame, positions: dict[int, int], *, days: int, until: int | None) -> Window:
    """The window, written down before anything is made."""
    asked = _asked(base, days, until)
    if until is None:
        newest = events["timestamp"].max()
        if not isinstance(newest, int):
            raise InputError(base.dataset.name, "no event has a time, and a window is one of time", "give the events times")
        until = newest + 1
    plan = Window(since=until - days * DAY, until=until, positions=positions)
    replace_text(work / PLAN, json.dumps({"asked": asked, "window": plan.plain()}))
    return plan


def _asked(base: Loaded, days: int, until: int | None) -> str:
    wishes = {"days": days, "until": until, "base": base.dataset.fingerprint}
    return hashlib.sha256(json.dumps(wishes, sort_keys=True).encode()).hexdigest()


def _told(base: Loaded, log: EventLog | None, positions: Mapping[int, int], *, latest: int) -> tuple[pl.DataFrame, dict[int, int]]:
    """All of data and log, in the order in which it became known, and how far the log was read.

    What the log has of times after ``latest`` is left out, as a worker sets it aside: it would be the end of every window.
    """
    known = base.validated.events
    types = {name: EVENTS[name] for name in COLUMNS} | PLACE
    before = known.select(pl.col(name) if name in known.columns else pl.lit(None, kind).alias(name) for name, kind in types.items())
    if log is None:
        return before, dict(positions)
    live, reached = read_log(log, positions)
    return pl.concat([before, live.filter(pl.col("timestamp") <= latest).select(list(types))]), reached


def _there(shelf: Shelf, plan: Window, dataset: Dataset) -> str | None:
    """The release of the same window and data, if it lies on the shelf."""
    if not Shelf.at(shelf.folder):
        return None
    for one in shelf.releases():
        found = one.manifest.settings.get("window")
        if found is not None and Window.of(found) == plan.but(data=dataset.fingerprint):
            return one.name
    return None
