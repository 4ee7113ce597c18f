"""Where a training step of SASRec spends its time on Amazon Beauty, from the folder that PENCHANT_DATA names.

Processor time of one thread: unlike the clock it says nearly the same on a machine that others use.

Run: python -m benchmarks.profile
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from benchmarks.harness import alone, answer, row, write
from penchant.data.batches import TrainingBatches
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.optimisers import adamw
from penchant.train.settings import TrainSettings

STEPS = 12
BF16 = torch.bfloat16


class Stopwatch:
    """Processor milliseconds between marks, by name."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}
        self.last = time.thread_time()

    def mark(self, name: str | None) -> None:
        """What ran since the last mark is called ``name``; None forgets it."""
        now = time.thread_time()
        if name is not None:
            self.times.setdefault(name, []).append((now - self.last) * 1e3)
        self.last = time.thread_time()

    def medians(self) -> dict[str, float]:
        return {name: float(np.median(times)) for name, times in self.times.items()}


def step(width: int) -> None:
    """The parts of a step; and those of the softmax inside it, each alone, for four chunks of 1,024 targets."""
    torch.set_num_threads(1)
    split = leave_one_out(load("amazon-beauty").dataset)
    items = int(split.train.items.max())
    settings = TrainSettings()
    model = SASRec(items, SASRecSettings(width=width)).train()
    optimiser = adamw(model, settings)
    batches = TrainingBatches(split.train, max_len=settings.max_len, tokens=settings.tokens)
    watch = Stopwatch()
    for count, rows in enumerate(batches.plan(0)[: STEPS + 2]):
        watch.mark(None)
        batch = batches.batch(rows)
        has = batch.targets > 0
        watch.mark("make the batch")
        with torch.autocast("cpu", dtype=BF16):
            states = model.encode(batch)
            watch.mark("network, forward")
            loss = model.head.loss(states[has], batch.targets[has])
        watch.mark("softmax and its gradients")
        loss.backward()
        watch.mark("network, backward")
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        watch.mark("clip the gradient")
        optimiser.step()
        optimiser.zero_grad()
        watch.mark("AdamW")
        if count < 2:
            watch.times.clear()
    whole = watch.medians()
    inner = Stopwatch()
    thin, rows_below = torch.randn(items, width).to(BF16), torch.randn(width + 16, items).to(BF16)
    logits = torch.empty(items, 1024, dtype=BF16)
    for _ in range(5):
        for _ in range(4):
            part = torch.randn(1024, width).to(BF16)
            inner.mark(None)
            torch.mm(thin, part.T, out=logits)
            inner.mark("softmax: product for the logits")
            powers = logits.exp_()
            inner.mark("softmax: exponentials")
            rows_below @ powers
            inner.mark("softmax: product for sums and states")
            powers @ part
            inner.mark("softmax: product for item vectors")
    answer({"step": whole, "inside": {name: 4 * value for name, value in inner.medians().items()}})


def main() -> None:
    """Measure both widths and write."""
    rows = []
    for width in (64, 128):
        found = alone("benchmarks.profile", "step", str(width))
        total = sum(found["step"].values())
        label = f"SASRec, width {width}, 4,096 padded steps"
        rows.append(row(f"{label}: whole step", "ms", total))
        rows += [
            row(f"{label}: {name}", "ms", value, share=round(value / total, 3)) for part in found.values() for name, value in part.items()
        ]
    write("profile", rows)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        step(int(sys.argv[2]))
