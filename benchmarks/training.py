"""Training throughput and model FLOPs utilisation on Amazon Beauty, from the folder that PENCHANT_DATA names.

Run: python -m benchmarks.training
"""

from __future__ import annotations

import numpy as np

from benchmarks.harness import row, write
from penchant.contracts import Trainable
from penchant.core.seeds import seed_everything
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.items.semantic_ids import ResidualKMeans, unique_codes
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings


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
    rows = []
    for name, model in models:
        run = Trainer(TrainSettings(epochs=2, warmup_steps=10)).fit(model, split.train, name=name)
        rows += [
            row(name, "targets/s", run.positions_per_second, parameters=run.parameters, peak_mb=run.peak_mb),
            row(f"{name}: model FLOPs utilisation", "of the measured matrix-product peak", run.mfu),
        ]
    write("training", rows)


if __name__ == "__main__":
    main()
