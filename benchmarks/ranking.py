"""Full ranking and single-user latency on Amazon Beauty, from the folder that PENCHANT_DATA names.

Weights are untrained: neither the time of a model call nor that of a sort depends on what was learnt.

Run: python -m benchmarks.ranking
"""

from __future__ import annotations

import time

import numpy as np
import torch

from benchmarks.harness import median_ms, row, write
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.evaluate.protocol import evaluate
from penchant.items.collisions import unique_codes
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.retrievers import CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.sequence.sasrec import SASRec, SASRecSettings

VECTOR_WIDTH = 384  # of MiniLM
EASE_ITEMS = 4_000


def main() -> None:
    """Measure and write."""
    dataset = load("amazon-beauty").dataset
    split, items = leave_one_out(dataset), dataset.num_items
    torch.manual_seed(0)
    sasrec = SASRec(items, SASRecSettings()).eval()
    evaluate(sasrec, split.test, name="warm")
    started = time.perf_counter()
    evaluate(sasrec, split.test, name="SASRec")
    rows = [
        row(
            f"full ranking, {len(split.test.histories):,} users x {items:,} items, SASRec width 64, metrics included",
            "s",
            time.perf_counter() - started,
            bar=6,
        )
    ]
    vectors = np.random.default_rng(0).normal(size=(items + 1, VECTOR_WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = unique_codes(ResidualKMeans(3, 256).fit(vectors[1:]).encode(vectors[1:]))
    padded = np.concatenate([np.full((1, codes.shape[1]), -1, np.int32), codes])
    tandem = Tandem(padded, vectors, np.ones(items + 1), TandemSettings(code_head=DepthSettings(beam=20))).eval()
    one = split.test.histories.take(np.array([int(np.argmax(split.test.histories.lengths >= 8))]))
    weights = np.random.default_rng(0).normal(size=(EASE_ITEMS, EASE_ITEMS)).astype(np.float32)
    models = [
        ("SASRec, width 64, dense head", sasrec, 3.0),
        ("Tandem, width 128, dense head", tandem, 3.0),
        ("Tandem, width 128, code head, beam 20", CodeRetriever(tandem), 10.0),
        ("Tandem, width 128, both heads, beam 20", TandemRetriever(tandem, width=20), None),
        (f"EASE over {EASE_ITEMS:,} items", LinearItemModel(weights, np.arange(1, EASE_ITEMS + 1, dtype=np.int32), items), None),
    ]
    for name, model, bar in models:
        rows.append(
            row(
                f"one user, k = 10, seen removed: {name}",
                "ms, median",
                median_ms(lambda model=model: model.recommend(one, 10, exclude=one)),
                bar=bar,
            )
        )
    write("ranking", rows)


if __name__ == "__main__":
    main()
