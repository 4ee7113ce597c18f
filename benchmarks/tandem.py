"""Tandem on Amazon Beauty, trained to its reported accuracy on all cores, with Cornac's TIGER and RPG beside it.

Ours is the arm of the claim ``tandem-beats-sasrec`` with its first seed: what is timed is everything after the text vectors (codes,
network, codes of what was learnt, head, choice of the head's weight, all validation). The peers are trained for 45 seconds each before
and after it, in fresh processes: their speed is what is compared. At that speed an epoch of theirs alone takes longer than our whole
training.

Run: python -m benchmarks.tandem
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.harness import compared, median_ms, row, write
from benchmarks.peers.environments import CORNAC, interpreter
from benchmarks.peers.processes import export, run
from penchant.claims.discover import claim
from penchant.claims.tuning import settings_of
from penchant.claims.world import Worlds
from penchant.core.seeds import seed_everything
from penchant.evaluate.protocol import Seen, evaluate

CLAIM, SEED, BEAM = "tandem-beats-sasrec", 0, 20
PEERS = {"TIGER": {"model": "tiger", "beam": BEAM}, "RPG": {"model": "rpg"}}
NAMES = {"recall@10": "Recall@10", "ndcg@10": "NDCG@10"}
BARS = {Seen.REMOVED: {"recall@10": 0.100, "ndcg@10": 0.060}, Seen.KEPT: {"recall@10": 0.090, "ndcg@10": 0.044}}


def main() -> None:
    """Measure and write."""
    of, stated = claim(CLAIM)
    world = Worlds().open(stated.dataset, stated.split)
    arms, trials = settings_of(stated, stated.dataset)
    lab = world.lab(SEED, stated.budget)
    options = {"threads": torch.get_num_threads(), "seconds": 45.0, "calls": 50}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in PEERS}

    def peers(events: Path) -> None:
        for name, differing in PEERS.items():
            found[name].append(run(interpreter(CORNAC), CORNAC.runner, events, {**options, **differing}))

    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.csv"
        export(events)
        peers(events)
        assert len(lab.vectors)  # text vectors are made, or read, before the clock starts
        seed_everything(SEED)
        started = time.perf_counter()
        model = of.build(lab, **arms[stated.subject.name])
        seconds = time.perf_counter() - started
        peers(events)
    targets = sum(one.positions for one in lab.runs.values()) / sum(one.seconds for one in lab.runs.values())
    users = world.split.test.histories
    ones = itertools.cycle([users.take(np.array([index])) for index in range(50)])

    def once() -> None:
        one = next(ones)
        model.recommend(one, 10, exclude=one)

    single = median_ms(once)
    rows = [row("Tandem: everything after the text vectors", "s", seconds, bar=720, steps=lab.steps, trials=trials)]
    for seen, bars in BARS.items():
        result = evaluate(model, world.split.test, name="Tandem", seen=seen, ks=(10,))
        for metric, bar in bars.items():
            rows.append(row(f"Tandem: test {NAMES[metric]}, seen {seen.value}", "", result.mean(metric), bar=bar, below=False))
    for name, runs in found.items():
        named = {"peer_name": f"cornac {name}", "peer_version": CORNAC.version, "steps": [one["steps"] for one in runs]}
        speeds, times = [one["training"] for one in runs], [one["one_ms"] for one in runs]
        trained = f"training, targets of network and then of its head over all their time: Tandem and {name}"
        asked = f"one user, k = 10, seen removed: Tandem and {name}"
        rows += [
            {**compared(trained, "targets/s", [targets], speeds), **named},
            {**compared(asked, "ms, median", [single], times, more_is_better=False), **named},
        ]
    write("tandem", rows)


if __name__ == "__main__":
    main()
