"""A small change to all users' vectors, learnt while events come in, against the vectors as released.

Two streams of ratings, in order of time: SASRec learns from the first 70 % of the events and stays as it is. Of every event
after these, with the user's vector of before it: the rank of its item among all that the user had not had, first, and then the
adapter learns from it, 64 events a step. Settings were tried on this very stream of MovieLens 100K, so what it gives there is no
test of them; MovieLens latest-small was not looked at.
As a control, the adapter learns from other users' vectors, which leaves it what is popular.

Then a drift is put into the second stream: from some moment on, half of the events are of one genre (drawn, with replacement,
from those of the stream). Every other event of the stream is kept apart, and tells how well the lists do on that genre and on
everything else, as the adapter learns.

Run: python -m benchmarks.adaptation [--quick]
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from benchmarks.harness import row, write
from benchmarks.stream import K, Stream, stream
from penchant.core.progress import note
from penchant.core.seeds import generator, seed_everything
from penchant.data.dataset import Dataset
from penchant.data.sources import load
from penchant.evaluate.significance import compare, intervals
from penchant.models.user_adapter import UserAdapter

STEPS, QUICK, BATCH = 2_000, 60, 64
CHOSEN, UNSEEN = "ml-100k", "ml-latest-small"  # data that settings were chosen on, and not
RATE = 200  # events a second that times are told for
LOOK = 5  # steps between two looks


def followed(events: Stream, *, strangers: bool = False) -> tuple[np.ndarray, float]:
    """Vectors float32[E, V] as they would have been served, and the seconds of learning."""
    adapter, served, drawn = UserAdapter(events.items), np.empty_like(events.users), generator(0)
    began = time.thread_time()
    for start in range(0, len(served), BATCH):
        part = slice(start, start + BATCH)
        served[part] = adapter.adapted(events.users[part])
        learnt = drawn.permutation(events.users[part]) if strangers else events.users[part]
        adapter.learn(learnt, events.targets[part])
    return served, time.thread_time() - began


def as_it_came(name: str, events: Stream) -> list[dict[str, object]]:
    """Rows of one stream."""
    served, seconds = followed(events)
    values = {"released vectors": events.quality(events.users), "adapted vectors": events.quality(served)}
    values["adapted by strangers' vectors"] = events.quality(followed(events, strangers=True)[0])
    third = len(served) * 2 // 3
    parts = {"all": slice(None), "the last third": slice(third, None)}
    rows = [row(f"{name}: events after the release", "", len(served))]
    for told, part in parts.items():
        people, place = np.unique(events.people[part], return_inverse=True)
        means = {way: np.bincount(place, one[part]) / np.bincount(place) for way, one in values.items()}
        rows += [row(f"{name}, {told}: NDCG@{K}, {way}", "", one[part].mean()) for way, one in values.items()]
        spans = intervals(means)
        for way in list(values)[1:]:
            gain = compare(means[way], means["released vectors"])
            what = f"{name}, {told}: {way} less released, mean of {len(people):,} users"
            rows.append(
                row(what, "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p, base=spans["released vectors"].mean)
            )
    rows.append(row(f"{name}: learning from one event", "ms", 1e3 * seconds / len(served)))
    return rows


def after_a_drift(name: str, dataset: Dataset, events: Stream, steps: int) -> list[dict[str, object]]:
    """Rows of how soon the lists have followed, and of what that costs elsewhere."""
    labels = dataset.catalog.readable_categories().to_list()
    shares = {
        genre: float(np.mean([genre in (labels[code - 1] or ()) for code in events.targets]))
        for genre in sorted({one for found in labels for one in found or ()})
    }
    genre = min(shares, key=lambda one: abs(shares[one] - 0.08))  # some are nearly everything, some hardly there
    of_genre = np.array([genre in (labels[code - 1] or ()) for code in events.targets])
    apart = np.arange(len(of_genre)) % 2 == 1
    asked = {"drifted": events.taken(np.flatnonzero(apart & of_genre)), "elsewhere": events.taken(np.flatnonzero(apart & ~of_genre))}
    inside, outside = np.flatnonzero(~apart & of_genre), np.flatnonzero(~apart & ~of_genre)
    drawn = generator(1)
    adapter = UserAdapter(events.items)

    def learn(share: float) -> None:
        rows = np.where(drawn.random(BATCH) < share, drawn.choice(inside, BATCH), drawn.choice(outside, BATCH))
        adapter.learn(events.users[rows], events.targets[rows])

    def look() -> dict[str, float]:
        return {part: float(one.quality(adapter.adapted(one.users)).mean()) for part, one in asked.items()}

    for _ in range(steps):
        learn(shares[genre])
    before, seen = look(), []
    for step in range(1, steps + 1):
        learn(0.5)
        if step % LOOK == 0:
            seen.append((step * BATCH, look()))
    last = seen[-max(1, len(seen) // 5) :]
    final = {part: float(np.mean([found[part] for _, found in last])) for part in asked}
    wanted = before["drifted"] + 0.8 * (final["drifted"] - before["drifted"])
    there = next((count for count, found in seen if found["drifted"] >= wanted), seen[-1][0])
    about = f"{name}, half of the events become {genre} (were {shares[genre]:.0%})"
    lost = (before["elsewhere"] - final["elsewhere"]) / before["elsewhere"]
    return [
        row(f"{about}: NDCG@{K} on it, before", "", before["drifted"]),
        row(f"{about}: NDCG@{K} on it, at last", "", final["drifted"]),
        row(f"{about}: events until 80% of that gain", "", there),
        row(f"{about}: the same at {RATE} events a second", "minutes", there / RATE / 60),
        row(f"{about}: NDCG@{K} on everything else, before", "", before["elsewhere"]),
        row(f"{about}: NDCG@{K} on everything else, at last", "", final["elsewhere"]),
        row(f"{about}: lost on everything else", "share", lost, bar=0.01),
        row(f"{about}: NDCG@{K} on what is done then, before", "", (before["drifted"] + before["elsewhere"]) / 2),
        row(f"{about}: NDCG@{K} on what is done then, at last", "", (final["drifted"] + final["elsewhere"]) / 2),
    ]


def main(steps: int) -> None:
    """Train, follow, and say what came out."""
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for name in (CHOSEN, UNSEEN):
        seed_everything(0)
        dataset = load(name).dataset
        events = stream(dataset, steps)
        rows += as_it_came(name, events)
        if name == UNSEEN:
            rows += after_a_drift(name, dataset, events, min(steps, 400))
    for one in rows:
        note(" ".join(f"{key}={one[key]}" for key in ("what", "ours", "low", "high", "p") if one.get(key) is not None))
    if steps == STEPS:
        write("adaptation", rows)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else STEPS)
