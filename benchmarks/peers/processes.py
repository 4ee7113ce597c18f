"""Runners in fresh processes, and the events that both sides are given."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from penchant.data.sources import load

OURS = Path(__file__).with_name("run_penchant.py")


def export(path: Path) -> None:
    """Write the events: user, item, place, and whether an event is held out (1 validation, 2 test)."""
    histories = load("amazon-beauty").dataset.histories
    left = histories.lengths[histories.rows] - histories.places  # 1 is the newest
    held = np.where(left == 1, 2, np.where(left == 2, 1, 0))
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["user", "item", "place", "held"])
        out.writerows(zip(histories.rows.tolist(), histories.items.tolist(), histories.places.tolist(), held.tolist(), strict=True))


def run(python: Path, script: Path, events: Path, options: dict[str, Any]) -> dict[str, float]:
    """The answer of one runner in a fresh process."""
    threads = str(options["threads"])
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONWARNINGS": "ignore"}
    if script == OURS:
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    command = [str(python), str(script), str(events), json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=events.parent)
    if done.returncode:
        raise SystemExit(f"{script.name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
