"""The offline job, killed while people use the platform: whoever starts it again gets the release that it would have made."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.core.errors import StorageError, require
from penchant.core.machine import describe
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import FOLDER, Shelf
from penchant.serve.drill.programs import Program, penchant
from penchant.serve.drill.scene import Scene, options, until
from penchant.serve.rebuild import PLAN

_WORK = ".work"
_CODE = "code"  # file that tells of which code the undisturbed run was
_MOST = 1800.0  # seconds that the job may take


def killed(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    """Kill the job at a moment anywhere in it, start it again, and compare what it puts on the shelf with an undisturbed run.

    The first time an undisturbed run is made: it settles up to where the log is read, and all others are given its plan.

    Raises:
        StorageError: The job failed, or made something else.
    """
    folder = scene.folder / "offline"
    data, plan, seconds = folder / "data", folder / PLAN, folder / "seconds"
    if not seconds.exists():
        _write_data(scene, data)
        (folder / _CODE).write_text(f"{describe().commit}", encoding="utf-8")
        seconds.write_text(f"{_undisturbed(_job(scene, data, folder / 'whole'), folder / 'whole' / _WORK / PLAN, plan)}", encoding="utf-8")
    shelf, takes = folder / "shelf", float(seconds.read_text(encoding="utf-8"))
    shutil.rmtree(shelf, ignore_errors=True)
    (shelf / _WORK).mkdir(parents=True)
    shutil.copy(plan, shelf / _WORK / PLAN)
    job, after = _job(scene, data, shelf), float(random.uniform(0.0, takes))
    job.start()
    time.sleep(after)
    job.kill()
    half = sorted(path.name for path in (shelf / _WORK).rglob("*") if path.is_dir())
    spent = 0.0
    if (shelf / _WORK / PLAN).exists():  # else it had ended, and another run would be of what was done since
        job.start()
        spent = _ended(job)
    made, expected = _bytes(shelf), _bytes(folder / "whole")
    count = len(Shelf(shelf).releases())
    require(count == 1, f"{count} releases on the shelf", "the job publishes one", "see penchant.serve.rebuild", StorageError)
    differ = sorted(name for name in made.keys() | expected.keys() if made.get(name) != expected.get(name))
    require(not differ, f"{differ[:3]}", "these differ from an undisturbed run", _remedy(folder), StorageError)
    return {"undisturbed, seconds": takes, "killed after": after, "of it there was": len(half), "seconds of the next run": spent}


def _remedy(folder: Path) -> str:
    """A release tells the code that made it: one that is edited meanwhile makes another."""
    before, now = (folder / _CODE).read_text(encoding="utf-8"), f"{describe().commit}"
    changed = f"the code was {before} and is {now}: leave it alone meanwhile, or drill a clone"
    return "see penchant.serve.rebuild" if before == now else changed


def _job(scene: Scene, data: Path, shelf: Path) -> Program:
    where = ["--shelf", str(shelf), "--state", str(scene.state), *options(scene.places)]
    return penchant("offline job", "rebuild", str(data), *where, "--encoder", "tfidf", log=scene.folder / "offline.log")


def _undisturbed(job: Program, settled: Path, plan: Path) -> float:
    """Run the job to its end and keep a copy of its plan; the seconds it took."""
    started = time.monotonic()
    job.start()
    until(settled.exists, "the offline job", "it has no plan")
    shutil.copy(settled, plan)
    _ended(job)
    return time.monotonic() - started


def _ended(job: Program) -> float:
    process = job.process
    assert process is not None
    seconds = until(lambda: process.poll() is not None, "the offline job", "it has not ended", _MOST)
    require(process.returncode == 0, "the offline job", f"it ended with {process.returncode}", f"see {job.log}", StorageError)
    return seconds


def _write_data(scene: Scene, folder: Path) -> None:
    """Items that visitors write about, and the release's events with these, as a shop would hand them in."""
    release = load_release(scene.shelf.live_path())
    histories, catalog = release.histories, release.space.catalog
    items = catalog.table.filter(pl.col("item_id").is_in(scene.visitors.items))
    events = pl.DataFrame(
        {
            "user_id": release.users.decode(histories.users[histories.rows]),
            "item_id": catalog.items.decode(histories.items),
            "timestamp": histories.times,
        }
    ).with_columns(event=pl.lit("view"))
    folder.mkdir(parents=True)
    items.write_parquet(folder / "items.parquet")
    events.join(items.select("item_id"), on="item_id", how="semi").write_parquet(folder / "events.parquet")


def _bytes(shelf: Path) -> dict[str, str]:
    """What each file of the releases holds, hashed."""
    place = shelf / FOLDER
    return {str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() for path in place.rglob("*") if path.is_file()}
