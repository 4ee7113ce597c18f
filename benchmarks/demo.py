"""The demo's own work on ml-100k, assets already fetched: time and memory of the whole command.

Run: python -m benchmarks.demo [FOLDER]; with FOLDER, its release and report stay there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time

from benchmarks.harness import row, write
from penchant.core.assets import fetch


def main() -> None:
    """Run ``penchant demo --no-serve`` in a new folder."""
    fetch("ml-100k")
    fetch("minilm")
    with tempfile.TemporaryDirectory() as passing:
        folder = sys.argv[1] if len(sys.argv) > 1 else passing
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "penchant.cli.main", "demo", "--no-serve", "--out", folder], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    told = re.search(r"at most ([\d,]+) MB", done.stdout)
    assert told, "the demo did not say how much memory it took"
    write(
        "demo",
        [
            row("demo on ml-100k", "s", seconds, bar=300),
            row("demo on ml-100k: peak memory", "MB", float(told[1].replace(",", "")), bar=3000),
        ],
    )


if __name__ == "__main__":
    main()
