"""How the loss of SASRec falls with its size and with the data, on MovieLens-100K, from the folder that PENCHANT_DATA names.

A law L(N) = E + (N0 / N)^a is fitted to all but the two largest sizes and has to predict those better than a constant.
Every size has the same steps, learning rate and dropout. Losses are of the test targets; the weights are those with the
least loss on validation.

Run: python -m benchmarks.scaling [--steps 1500] [--tokens 4096] [--shares 0.25 0.5 1.0]
"""

from __future__ import annotations

import argparse
from typing import Any

import matplotlib
import numpy as np

from benchmarks.harness import RESULTS, row, write
from penchant.core.seeds import generator, seed_everything
from penchant.data.histories import Histories
from penchant.data.sources import load
from penchant.data.splits import Split, leave_one_out
from penchant.evaluate.drawing import COLOURS, MARKS, STYLE, blank, legend, svg
from penchant.evaluate.scaling import extrapolate, network_parameters, next_item_loss
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

#: Width and layers, about 900 to 800,000 parameters outside the item table.
SIZES = ((8, 1), (16, 1), (16, 2), (32, 2), (64, 2), (64, 4), (128, 4))


def part(histories: Histories, share: float) -> Histories:
    """A share of the users, drawn once."""
    if share >= 1:
        return histories
    return histories.take(np.sort(generator(0).choice(len(histories), round(len(histories) * share), replace=False)))


def losses(split: Split, share: float, steps: int, tokens: int) -> list[tuple[int, float]]:
    """Parameters and test loss of every size."""
    found = []
    for width, layers in SIZES:
        seed_everything(0)
        model = SASRec(split.num_items, SASRecSettings(width=width, layers=layers, heads=2, dropout=0.2))
        training = TrainSettings(
            epochs=10_000,
            steps=steps,
            tokens=tokens,
            patience=10_000,
            validate_every=max(1, round(tokens / 2048 / share)),
            learning_rate=2e-3,
        )
        data = part(split.train, share)
        Trainer(training).fit(model, data, lambda net=model: -next_item_loss(net, split.valid), name=f"{width} x {layers}")
        found.append((network_parameters(model), next_item_loss(model, split.test)))
    return found


def main() -> None:
    """Train every size on every share of the users, fit, predict, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    asked = parser.parse_args()
    split = leave_one_out(load("ml-100k").dataset)
    rows: list[dict[str, Any]] = []
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=4.2)
        for index, share in enumerate(asked.shares):
            points = losses(split, share, asked.steps, asked.tokens)
            sizes, values = [float(size) for size, _ in points], [value for _, value in points]
            found = extrapolate(sizes, values)
            name = f"{share:.0%} of the users"
            rows += [
                row(f"test loss, {name}", "nats", value, network_parameters=size, steps=asked.steps, tokens=asked.tokens)
                for size, value in points
            ]
            told: dict[str, Any] = {"floor": found.law.floor, "scale": found.law.scale, "exponent": found.law.exponent}
            rows.append(row(f"error of the law on the two largest, {name}", "relative", found.error, bar=found.constant_error, **told))
            curve = np.geomspace(min(sizes), max(sizes), 100)
            axes.plot(sizes, values, MARKS[index], color=COLOURS[index], label=name)
            axes.plot(curve, found.law.loss(curve), color=COLOURS[index])
        axes.set_xscale("log")
        axes.set_xlabel("parameters outside the item table; the law is fitted to the first five sizes")
        axes.set_ylabel("test loss (nats)")
        legend(canvas, axes)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "scaling.svg").write_bytes(svg(canvas))
    write("scaling", rows)


if __name__ == "__main__":
    main()
