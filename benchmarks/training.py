"""Training throughput and model FLOPs utilisation on Amazon Beauty, from the folder that PENCHANT_DATA names.

The peak of a processor with matrix tiles can differ threefold from one process to the next on a shared machine. Utilisation
is told against the best of several processes, so that a low peak never makes it look good.

Run: python -m benchmarks.training
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from benchmarks.harness import alone, answer, row, write
from penchant.contracts import Trainable
from penchant.core.machine import matmul_peak
from penchant.core.seeds import seed_everything
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.items.collisions import unique_codes
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer, hardware_bf16
from penchant.train.settings import TrainSettings

PROCESSES = 6


def peak() -> float:
    """Operations a second of the type that training multiplies in, as this process finds them."""
    return matmul_peak(torch.bfloat16 if hardware_bf16() else torch.float32)


def main() -> None:
    """Two epochs of each network; the first warms up and is part of the mean."""
    dataset = load("amazon-beauty").dataset
    split, items = leave_one_out(dataset), dataset.num_items
    vectors = np.random.default_rng(0).normal(size=(items + 1, 384)).astype(np.float32)
    codes = unique_codes(ResidualKMeans(3, 256).fit(vectors[1:]).encode(vectors[1:]))
    padded = np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
    seed_everything(0)
    counts = np.bincount(split.train.items, minlength=items + 1)
    models: list[tuple[str, Trainable]] = [
        ("SASRec, width 64, full softmax", SASRec(items, SASRecSettings())),
        ("SASRec, width 128, full softmax", SASRec(items, SASRecSettings(width=128))),
        ("Tandem, width 128, both heads, full softmax", Tandem(padded, vectors, counts, TandemSettings())),
    ]
    peaks = [peak(), *(alone("benchmarks.training", "peak")["peak"] for _ in range(PROCESSES))]
    rows = [row(f"matrix-product peak, best of {len(peaks)} processes", "GFLOP/s", max(peaks) / 1e9, lowest=round(min(peaks) / 1e9, 1))]
    for name, model in models:
        run = Trainer(TrainSettings(epochs=2, warmup_steps=10)).fit(model, split.train, name=name)
        rows += [
            row(name, "targets/s", run.positions_per_second, parameters=run.parameters, peak_mb=run.peak_mb),
            row(f"{name}: model FLOPs utilisation", "of the matrix-product peak", run.mfu * peaks[0] / max(peaks)),
        ]
    write("training", rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer({"peak": peak()})
    else:
        main()
