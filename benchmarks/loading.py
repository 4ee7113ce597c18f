"""Loading, validating and indexing: Complete Journey, and synthetic events at two sizes for the shape of the cost.

Run: python -m benchmarks.loading
"""

from __future__ import annotations

import sys
import time

import numpy as np
import polars as pl

from benchmarks.harness import alone, answer, row, write
from penchant.core.machine import peak_memory_mb
from penchant.data.sources import from_frames, load

SIZES = (1_000_000, 10_000_000)


def journey() -> None:
    """Complete Journey from its files to histories."""
    load("complete-journey")  # fetches once and warms the file cache, as the bar is about the work, not the download
    started = time.perf_counter()
    dataset = load("complete-journey").dataset
    events = dataset.histories.num_events
    answer({"seconds": time.perf_counter() - started, "peak_mb": peak_memory_mb(), "events": events})


def synthetic(count: int) -> None:
    """``count`` events of count / 100 users over 100,000 items."""
    random = np.random.default_rng(0)
    users = pl.Series(random.integers(0, count // 100, count)).cast(pl.String)
    items = pl.Series(random.integers(0, 100_000, count)).cast(pl.String)
    events = pl.DataFrame({"user_id": users, "item_id": items, "timestamp": random.integers(1_500_000_000, 1_600_000_000, count)})
    catalogue = pl.DataFrame({"item_id": pl.Series(np.arange(100_000)).cast(pl.String), "title": ["a thing"] * 100_000})
    before = peak_memory_mb()
    started = time.perf_counter()
    dataset = from_frames(events, catalogue, name="synthetic").dataset
    assert dataset.histories.num_events > 0.99 * count
    answer({"seconds": time.perf_counter() - started, "peak_mb": peak_memory_mb(), "input_mb": before})


def main() -> None:
    """Measure and write."""
    found = alone("benchmarks.loading", "journey")
    rows = [
        row("Complete Journey: load, validate, index", "s", found["seconds"], bar=10, events=found["events"]),
        row("Complete Journey: peak memory", "MB", found["peak_mb"], bar=2000),
    ]
    small, large = (alone("benchmarks.loading", "synthetic", str(size)) for size in SIZES)
    factor = SIZES[1] / SIZES[0]
    rows += [
        row(f"{SIZES[1]:,} synthetic events: validate, index", "s", large["seconds"]),
        row(f"{SIZES[1]:,} synthetic events: peak memory", "MB", large["peak_mb"]),
        row("time, 10M events against linear from 1M", "ratio", large["seconds"] / small["seconds"] / factor, bar=1.3),
        row("peak memory, 10M events against linear from 1M", "ratio", large["peak_mb"] / small["peak_mb"] / factor, bar=1.3),
    ]
    write("loading", rows)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[1] == "journey":
        journey()
    else:
        synthetic(int(sys.argv[2]))
