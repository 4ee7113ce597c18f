"""What semantic IDs cost to make and how well they tell items apart: residual k-means, product quantisation, RQ-VAE, FAISS.

Amazon Beauty's text vectors, all with 3 codes of 256 (FAISS' ResidualQuantizer with a beam of 1, so that codes mean the same); and
residual k-means of a million made-up vectors of width 384 in 2,000 clusters. Each is fitted and encodes all items in a fresh
process; peak memory is that process's, vectors and libraries included. The error is the mean squared distance of a unit vector to
what its codes give back; an item collides if another has all its codes.

Run: python -m benchmarks.quantisers [--quick]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import faiss
import numpy as np

from benchmarks.harness import alone, answer, compared, row, write
from penchant.claims.world import text_encoder
from penchant.core.machine import peak_memory_mb
from penchant.data.sources import load
from penchant.items.product import ProductQuantiser
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.rq_vae import RQVAE

LEVELS, BITS = 3, 8
CODES = 2**BITS
MANY, QUICK, WIDTH, CLUSTERS = 1_000_000, 100_000, 384, 2_000
SPREAD = 1.0  # length of the noise around a cluster's centre of length 1
ROUNDS = 3
BLOCK = 65_536  # rows made, and errors summed, at a time
PEER = "faiss ResidualQuantizer, beam 1"


class FaissResidual:
    """FAISS' residual quantiser behind the same two calls; it learns from no more rows than ours."""

    def fit(self, vectors: np.ndarray) -> FaissResidual:
        rows = vectors[:: -(-len(vectors) // (CODES * CODES))]
        self.quantiser = faiss.ResidualQuantizer(vectors.shape[1], LEVELS, BITS)
        self.quantiser.max_beam_size = 1
        self.quantiser.train(np.ascontiguousarray(rows))
        return self

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        return self.quantiser.compute_codes(vectors).astype(np.int32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        return self.quantiser.decode(codes.astype(np.uint8))


MAKERS: dict[str, Callable[[], Any]] = {
    "residual k-means": lambda: ResidualKMeans(LEVELS, CODES),
    "balanced residual k-means": lambda: ResidualKMeans(LEVELS, CODES, capacity=1.0),
    "product": lambda: ProductQuantiser(LEVELS, CODES, rotated=False),
    "optimised product": lambda: ProductQuantiser(LEVELS, CODES),
    "RQ-VAE": lambda: RQVAE(LEVELS, CODES),
    PEER: FaissResidual,
}


def beauty() -> np.ndarray:
    """float32[N, 384], unit vectors of Amazon Beauty's texts, from the cache that labs share."""
    found = text_encoder().encode(load("amazon-beauty").dataset.catalog.texts())
    return _unit(found)


def synthetic(count: int) -> np.ndarray:
    """float32[count, 384], unit vectors around centres."""
    random = np.random.default_rng(0)
    centres = _unit(random.standard_normal((CLUSTERS, WIDTH), dtype=np.float32))
    found = np.empty((count, WIDTH), np.float32)
    for start in range(0, count, BLOCK):
        part = found[start : start + BLOCK]
        part[:] = random.standard_normal(part.shape, dtype=np.float32) * (SPREAD / WIDTH**0.5)
        part += centres[random.integers(0, CLUSTERS, len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def measure(name: str, count: int) -> None:
    """One quantiser on Beauty (``count`` 0) or on made-up vectors, in this process."""
    vectors = synthetic(count) if count else beauty()
    began, worked = time.perf_counter(), time.process_time()
    quantiser = MAKERS[name]().fit(vectors)
    fitted = time.perf_counter()
    codes = quantiser.encode(vectors)
    ended, worked, peak = time.perf_counter(), time.process_time() - worked, peak_memory_mb()
    lost = 0.0
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        lost += float(((vectors[part] - quantiser.decode(codes[part])) ** 2).sum())
    _, sizes = np.unique(codes, axis=0, return_counts=True)
    answer(
        {
            "fit": fitted - began,
            "encode": ended - fitted,
            "worked": worked,
            "peak_mb": peak,
            "error": lost / len(vectors),
            "colliding": int(sizes[sizes > 1].sum()),
            "items": len(vectors),
        }
    )


def in_turns(names: list[str], count: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """What each quantiser gives, in rounds, so that a busy minute hits all of them."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    for _ in range(rounds):
        for name in names:
            for key, value in alone("benchmarks.quantisers", name, str(count)).items():
                found[name].setdefault(key, []).append(value)
    return found


def against(what: str, ours: dict[str, list[float]], peer: dict[str, list[float]], **bars: float) -> list[dict[str, Any]]:
    """Rows of one quantiser of ours beside FAISS'; bars are limits of what is measured, not of the ratio."""
    named = {"peer_name": PEER, "peer_version": version("faiss-cpu")}
    ours, peer = ({**one, "took": [sum(pair) for pair in zip(one["fit"], one["encode"], strict=True)]} for one in (ours, peer))
    told = {
        "took": ("fit and encode", "s"),
        "fit": ("fit", "s"),
        "encode": ("encode", "s"),
        "worked": ("processor time of both, all threads", "s"),
        "peak_mb": ("peak memory", "MB"),
        "error": ("reconstruction error", "squared distance"),
        "colliding": ("colliding items", "items"),
    }
    rows = []
    for key, (name, unit) in told.items():
        if min(peer[key]) <= 0:  # nothing to be a share of
            rows.append(row(f"{what}: {name}", unit, float(np.median(ours[key]))))
            continue
        one = {**compared(f"{what}: {name}", unit, ours[key], peer[key], more_is_better=False), **named}
        rows.append({**one, "bar": bars[key], "holds": one["ours"] <= bars[key]} if key in bars else one)
    return rows


def main(*, quick: bool) -> None:
    """Measure and write."""
    many = QUICK if quick else MANY
    found = in_turns(list(MAKERS), 0, 1 if quick else ROUNDS)
    items = int(found[PEER]["items"][0])
    rows = [one for name in MAKERS if name != PEER for one in against(f"{items:,} items of Beauty, {name}", found[name], found[PEER])]
    large = in_turns(["residual k-means", PEER], many, 1)
    bars = {"took": 180.0, "peak_mb": 4000.0}
    rows += against(f"{many:,} vectors of width {WIDTH}, residual k-means", large["residual k-means"], large[PEER], **bars)
    if quick:
        print(*(f"{one['what']}: {one['ours']:g} {one['unit']}, peer {one['peer']}" for one in rows), sep="\n")
        return
    write("quantisers", rows)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main(quick="--quick" in sys.argv)
