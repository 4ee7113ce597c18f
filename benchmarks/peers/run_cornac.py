"""Cornac: TIGER or RPG in the library's own settings, trained for a while, asked for one user at a time. Run by its own interpreter.

Item features are random: what a step or a search costs does not depend on what they say. TIGER's codes come from residual k-means
(the library's faster tokeniser); only the steps of the network are timed.
"""

import csv
from collections.abc import Iterator

import numpy as np
import torch
from cornac.data import FeatureModality, SequentialDataset
from cornac.models.rpg import recom_rpg
from cornac.models.rpg.rpg_config import RPG_BEAUTY_CONFIG
from cornac.models.tiger import recom_tiger
from measuring import Throughput, answer, median_ms, peak_mb, request

path, options = request()
torch.set_num_threads(options["threads"])
with open(path, newline="") as file:
    rows = list(csv.DictReader(file))
events = [(row["user"], row["user"], row["item"], int(row["place"])) for row in rows if row["held"] == "0"]
train = SequentialDataset.build(events, fmt="USIT", seed=0)
features = np.random.default_rng(0).normal(size=(train.num_items, 384)).astype(np.float32)
train.item_feature = FeatureModality(features=features)
clock = Throughput(options["seconds"], warm=1, least=2)


def counted(batches, targets) -> Iterator:
    """The library's batches, until enough steps were timed; ``targets`` counts those of a batch."""
    for batch in batches:
        yield batch
        if clock.tick(targets(batch)):  # the step on this batch is over: its loop asks for the next
            return


if options["model"] == "tiger":
    batches = recom_tiger.session_seq_iter
    recom_tiger.session_seq_iter = lambda *a, **k: counted(batches(*a, **k), lambda batch: len(batch[2]))
    model = recom_tiger.TIGER(tokenizer="rkmeans", n_epochs=1, n_beams=options["beam"], seed=0, device="cpu")
else:
    batches = recom_rpg._rpg_session_iter
    recom_rpg._rpg_session_iter = lambda *a, **k: counted(batches(*a, **k), lambda batch: int((batch[2] >= 0).sum()))
    settings = {**RPG_BEAUTY_CONFIG, "n_epochs": 1, "model_selection": "last", "scoring": "exact", "graph_edges": 20}  # no graph is walked
    model = recom_rpg.RPG(**settings, seed=0, device="cpu")
model.fit(train)
trained_mb = peak_mb()
users = [np.asarray(train.uir_tuple[1][places]).tolist() for places in list(train.sessions.values())[: options["calls"] + 3]]
every = np.arange(train.num_items)


def rank(index):
    """The ten best items of one user, those of the history left out."""
    scores = model.score(0, users[index])[every]
    scores[users[index]] = -np.inf
    return np.argpartition(-scores, 10)[:10]


one = median_ms(rank, options["calls"])
answer(training=clock.rate, steps=clock.steps, one_ms=one, training_mb=trained_mb, peak_mb=peak_mb())
