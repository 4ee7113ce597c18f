"""Penchant's own side of a comparison, in a fresh process like the peer's: SASRec, or alternating least squares."""

import csv
import time

import numpy as np
import torch
from measuring import answer, median_ms, peak_mb, request

from penchant.core.progress import quiet
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.models.retrieval.ials import ALSSettings, ImplicitALS
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.objectives.softmax import FullSoftmax, SampledSoftmax
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings


def read(path):
    """(histories of training, number of items)."""
    rows, items = {}, 0
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            items = max(items, int(row["item"]))
            if row["held"] == "0":
                rows.setdefault(int(row["user"]), []).append(int(row["item"]))
    return Histories.of(list(rows.values())), items


def trained(histories, items, options):
    """A SASRec and its run: a few steps to warm up, then the seconds asked for."""
    settings = SASRecSettings(
        width=options["width"],
        layers=options["layers"],
        heads=options["heads"],
        dropout=options["dropout"],
        max_len=options["length"],
    )
    counts = np.bincount(histories.items, minlength=items + 1)
    sampled = SampledSoftmax(counts, negatives=options["negatives"], power=0.0)
    seed_everything(0)
    model = SASRec(items, settings, objective=FullSoftmax() if options["loss"] == "softmax" else sampled)
    shape = {"epochs": 1000, "max_len": options["length"], "tokens": options["tokens"]}
    Trainer(TrainSettings(steps=4, **shape)).fit(model, histories, name="warm")
    return model, Trainer(TrainSettings(seconds=options["seconds"], **shape)).fit(model, histories, name="SASRec")


def main():
    """Train or build, rank, answer."""
    path, options = request()
    torch.set_num_threads(options["threads"])
    histories, items = read(path)
    found = {}
    if options["loss"] == "als":  # only ranking is compared: the factors come from implicit itself, so any will do
        factors = np.random.default_rng(0).normal(scale=0.1, size=(items + 1, options["width"])).astype(np.float32)
        factors[0] = 0
        model = ImplicitALS(factors, ALSSettings(factors=options["width"]))
    else:
        model, run = trained(histories, items, options)
        found = {"training": run.positions_per_second, "steps": run.steps, "training_mb": peak_mb()}
    users = histories.take(np.arange(min(options["users"], len(histories))))
    model.recommend(users.take(np.arange(256)), 10, exclude=users.take(np.arange(256)))
    started = time.perf_counter()
    model.recommend(users, 10, exclude=users)
    found["ranking"] = len(users) / (time.perf_counter() - started)
    ones = [users.take(np.array([index])) for index in range(options["calls"] + 3)]
    found["one_ms"] = median_ms(lambda index: model.recommend(ones[index], 10, exclude=ones[index]), options["calls"])
    answer(**found, peak_mb=peak_mb())


if __name__ == "__main__":
    with quiet():
        main()
