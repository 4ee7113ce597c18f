"""What two layers know of a user, merged by confidence and recency, against each of them alone.

MovieLens 100K, one clock for all: SASRec learns from the first 80 % of the events. Users who were there before and come back are
followed through what they do afterwards, up to 20 events each: before each event the offline layer is the mean of the vectors
of the user's earlier items, the near-line layer the network's state after what was done since the cut alone, and what counts is
the rank of the event's item among all that the user has not had. The state after the whole history is what a fresh vector
gives, for comparison.

Run: python -m benchmarks.layers [--quick]
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from benchmarks.harness import row, write
from penchant.core.progress import note
from penchant.core.seeds import seed_everything
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories
from penchant.data.sources import load
from penchant.data.splits import global_temporal
from penchant.evaluate.metrics import per_row
from penchant.evaluate.significance import compare, intervals
from penchant.models.dense_head import DenseHead
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings
from penchant.users.layers import Layer, merged

FOLLOWED, LEAST, K = 20, 5, 10  # events a user at most; offline events at least; places
STEPS, QUICK = 1_000, 60
WAYS = ("merged", "offline only", "near-line only", "whole history")


def moments(dataset: Dataset, cut: int) -> list[tuple[int, int]]:
    """(row, events before) of every event that is asked for: a user with an offline layer and at least one event since."""
    whole = dataset.histories
    found: list[tuple[int, int]] = []
    for user in range(len(whole)):
        times = whole.times[whole.offsets[user] : whole.offsets[user + 1]]
        offline = int((times < cut).sum())
        if offline >= LEAST:
            found += [(user, place) for place in range(offline + 1, min(offline + 1 + FOLLOWED, len(times)))]
    return found


def rankings(head: DenseHead, whole: Histories, asked: list[tuple[int, int]], cut: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Lists int32[R, K] of every way, and the milliseconds of processor time of each merge."""
    users, places = np.array(asked).T
    starts = whole.offsets[:-1][users]
    before = whole.slices(starts, starts + places, users)
    live = before.where(before.times >= cut)
    states = {"near-line only": head.users(live), "whole history": head.users(before)}
    lists, spent = {name: np.zeros((len(asked), K), np.int32) for name in WAYS}, np.zeros(len(asked))
    for place in range(len(asked)):
        items, times = before.row(place), before.times[before.offsets[place] : before.offsets[place + 1]]
        old, new = items[times < cut], items[times >= cut]
        offline = Layer(head.items[old - 1].mean(axis=0), len(old), int(times[times < cut].max()))
        began = time.thread_time()
        both = merged([offline, Layer(states["near-line only"][place], len(new), int(times.max()))])
        spent[place] = (time.thread_time() - began) * 1e3
        assert both is not None
        vectors = {"merged": both, "offline only": offline.vector, **{name: rows[place] for name, rows in states.items()}}
        for name, vector in vectors.items():
            scores = head.items @ vector
            scores[items - 1] = -np.inf
            lists[name][place] = np.argsort(-scores, kind="stable")[:K] + 1
    return lists, spent


def main(steps: int) -> None:
    """Train, follow, and say what came out."""
    torch.set_num_threads(1)
    seed_everything(0)
    dataset = load("ml-100k").dataset
    cut = int(np.quantile(dataset.histories.times, 0.8))
    split = global_temporal(dataset, valid_from=cut, test_from=int(np.quantile(dataset.histories.times, 0.9)))
    model = SASRec(len(dataset.catalog), SASRecSettings(temperature=0.1))
    Trainer(TrainSettings(learning_rate=2e-3, steps=steps, epochs=1_000)).fit(model, split.train)
    asked = moments(dataset, cut)
    lists, spent = rankings(DenseHead(model.eval()), dataset.histories, asked, cut)
    targets = Histories.of([[dataset.histories.row(user)[place]] for user, place in asked])
    values = {name: per_row(ranked, targets, (K,))[f"ndcg@{K}"] for name, ranked in lists.items()}
    spans = intervals(values)
    rows = [row(f"NDCG@{K}, {name}", "", spans[name].mean, low=spans[name].low, high=spans[name].high) for name in WAYS]
    for name in WAYS[1:]:
        against = compare(values["merged"], values[name])
        rows.append(row(f"NDCG@{K}, merged less {name}", "", against.mean.mean, low=against.mean.low, high=against.mean.high, p=against.p))
    rows.append(row("one merge, 99 of 100 below", "ms", float(np.quantile(spent, 0.99)), bar=3.0))
    note(f"{len(asked):,} events of {len({user for user, _ in asked}):,} users after the cut; {steps} steps of training")
    for one in rows:
        note(" ".join(f"{key}={one[key]}" for key in ("what", "ours", "low", "high", "p") if one.get(key) is not None))
    if steps == STEPS:
        write("layers", rows)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else STEPS)
