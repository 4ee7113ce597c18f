"""How much of the exact answer an index finds, and how long a query takes: recall@10 against milliseconds.

200,000 unit vectors of width 64 in 2,000 clusters, queries near them one at a time on one thread. Vectors of items have
clusters; without any, every approximate index does badly and the comparison says nothing of use.

Run: python -m benchmarks.indexes [folder for the figure]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import faiss
import matplotlib
import numpy as np

from benchmarks.harness import RESULTS, median_ms, row, write
from penchant.evaluate.drawing import COLOURS, MARKS, STYLE, blank, legend, svg
from penchant.search.approximate import FaissIndex, FlatIndex, HNSWIndex, HNSWSettings, IVFPQIndex, IVFPQSettings

ITEMS, WIDTH, CLUSTERS, QUERIES, K = 200_000, 64, 2_000, 200, 10
SPREAD = 1.0  # length of the noise around a cluster's centre of length 1
#: Index, and the efforts that are swept.
SWEEPS = {
    "IVF-PQ, 4 bits, ranked again": (lambda: IVFPQIndex(IVFPQSettings(lists=1024)), (1, 4, 16, 32, 64, 128, 256)),
    "HNSW, 16 links": (lambda: HNSWIndex(HNSWSettings(links=16, build_effort=64)), (10, 16, 32, 64, 128, 256, 512)),
}
GOOD = 0.9  # recall at which a time is named


def vectors(count: int, seed: int) -> np.ndarray:
    """float32[count, D] of unit length, around centres that are the same for every seed."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(CLUSTERS, WIDTH)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    found = centres[random.integers(0, CLUSTERS, count)]
    found = found + SPREAD / WIDTH**0.5 * random.normal(size=found.shape).astype(np.float32)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def latency(index: FaissIndex, queries: np.ndarray, effort: int | None) -> float:
    """Median milliseconds of one query, each query asked once after warming up."""
    turn = iter(np.resize(np.arange(len(queries)), 10_000))
    return median_ms(lambda: index.search(queries[(at := next(turn)) : at + 1], K, effort=effort), repeats=len(queries))


def main() -> None:
    """Build, sweep, write, draw."""
    faiss.omp_set_num_threads(1)
    items, queries = vectors(ITEMS, 1), vectors(QUERIES, 2)
    exact = FlatIndex()
    exact.add(items)
    truth = exact.search(queries, K).items
    base = latency(exact, queries, None)
    told = f"{ITEMS:,} vectors of width {WIDTH}"
    rows = [row(f"exact, one query, k = {K}, {told}", "ms, median", base, recall=1.0)]
    curves: dict[str, list[tuple[float, float]]] = {}
    for name, (make, efforts) in SWEEPS.items():
        index, started = make(), time.perf_counter()
        index.add(items)
        rows.append(row(f"build: {name}, {told}", "s", time.perf_counter() - started))
        for effort in efforts:
            found = index.search(queries, K, effort=effort).items
            recall = float((found[:, :, None] == truth[:, None, :]).any(axis=1).mean())
            took = latency(index, queries, effort)
            curves.setdefault(name, []).append((recall, took))
            rows.append(
                row(
                    f"{name}, effort {effort}, one query, k = {K}",
                    "ms, median",
                    took,
                    recall=round(recall, 4),
                    speedup=round(base / took, 2),
                )
            )
        good = [took for recall, took in curves[name] if recall >= GOOD]
        fastest = min(good, default=float("inf"))
        rows.append(row(f"{name}: exact over fastest at recall {GOOD}", "times", base / fastest, bar=5, below=False))
    write("indexes", rows)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "indexes.svg").write_bytes(figure(curves, base))


def figure(curves: dict[str, list[tuple[float, float]]], exact: float) -> bytes:
    """Recall against time of every index; the exact one is a line."""
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=4.2)
        for index, (name, points) in enumerate(curves.items()):
            recalls, times = zip(*points, strict=True)
            axes.plot(times, recalls, marker=MARKS[index], color=COLOURS[index], label=name)
        axes.axvline(exact, color=COLOURS[-1], linestyle="--", label="exact")
        axes.set_xscale("log")
        axes.set_ylim(top=1.02)
        axes.set_xlabel("milliseconds a query (median, one thread)")
        axes.set_ylabel(f"recall@{K} against exact")
        legend(canvas, axes)
        return svg(canvas)


if __name__ == "__main__":
    main()
