"""What two layers know of a user, merged by confidence and recency, against each of them alone.

MovieLens 100K, one clock for all: SASRec learns from the first 80 % of the events. Users who were there before and come back are
followed through what they do afterwards, up to 20 events each. Before each event the offline layer is the mean of the vectors
of the user's items of before the cut, and the near-line layer the network's state, in two situations: after what was done since
the cut alone, and after everything but the newest event, as a stored vector is that has not been made anew. What counts is the
rank of the event's item among all that the user has not had; a user counts once. For every other user it says which trust in a
mean of vectors is best, and for the others what comes of the trust in use, which lies between what is best in either situation.
The state after the whole history is what a fresh vector gives.

Run: python -m benchmarks.layers [--quick]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

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
from penchant.users.layers import MEAN, Layer, merged

FOLLOWED, LEAST, K = 20, 5, 10  # events a user at most; offline events at least; places
STEPS, QUICK = 1_000, 60
TRUSTS = (1.0, 0.5, 0.25, 0.1, 0.05)
METRIC = f"ndcg@{K}"


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


@dataclass(frozen=True)
class Asked:
    """What is known before each of Q events.

    Attributes:
        users: int64[Q], who did it.
        before: What they had done.
        targets: What they did.
        offline: What the release knows.
        situations: The near-line layers, by situation.
        fresh: float32[Q, V], the states after everything.
    """

    users: np.ndarray
    before: Histories
    targets: Histories
    offline: list[Layer]
    situations: dict[str, list[Layer]]
    fresh: np.ndarray


def asked(head: DenseHead, dataset: Dataset, cut: int) -> Asked:
    """All that is asked, with the layers of each."""
    whole = dataset.histories
    users, places = np.array(moments(dataset, cut)).T
    starts = whole.offsets[:-1][users]
    before = whole.slices(starts, starts + places, users)
    parts = {"since the cut": before.where(before.times >= cut), "one event late": whole.slices(starts, starts + places - 1, users)}
    old = before.where(before.times < cut)
    return Asked(
        users=users,
        before=before,
        targets=Histories.of([[item] for item in whole.items[starts + places]]),
        offline=[Layer(head.items[old.row(place) - 1].mean(axis=0), *_known(old, place), MEAN) for place in range(len(users))],
        situations={
            name: [Layer(vector, *_known(part, place)) for place, vector in enumerate(head.users(part))] for name, part in parts.items()
        },
        fresh=head.users(before),
    )


def _known(histories: Histories, place: int) -> tuple[int, int]:
    """Events of a row, and when the newest of them was."""
    return int(histories.lengths[place]), int(histories.times[histories.offsets[place + 1] - 1])


def quality(head: DenseHead, vectors: np.ndarray, about: Asked) -> np.ndarray:
    """float[Q], NDCG of each event under the lists that the vectors give."""
    scores = vectors @ head.items.T
    scores[about.before.rows, about.before.items - 1] = -np.inf
    return per_row((np.argsort(-scores, axis=1, kind="stable")[:, :K] + 1).astype(np.int32), about.targets, (K,))[METRIC]


def together(about: Asked, near_line: list[Layer], trust: float) -> np.ndarray:
    """float32[Q, V], both layers merged."""
    pairs = zip(about.offline, near_line, strict=True)
    return np.stack([merged([Layer(old.vector, old.events, old.newest, trust), new]) for old, new in pairs])  # type: ignore[misc]


def by_user(about: Asked, values: np.ndarray, *, chosen: bool) -> np.ndarray:
    """float[U], the mean of each user's events: of the users that a choice is made on, or of the others."""
    people, place = np.unique(about.users, return_inverse=True)
    means = np.bincount(place, values) / np.bincount(place)
    return means[(np.arange(len(people)) % 2 == 0) == chosen]


def rows_of(head: DenseHead, about: Asked) -> list[dict[str, object]]:
    """Results: every way in every situation, on the users that nothing was chosen on."""
    rows: list[dict[str, object]] = []
    alone = {
        "offline layer alone": quality(head, np.stack([one.vector for one in about.offline]), about),
        "fresh vector": quality(head, about.fresh, about),
    }
    for situation, near_line in about.situations.items():
        tried = {trust: quality(head, together(about, near_line, trust), about) for trust in TRUSTS}
        on = {trust: float(by_user(about, values, chosen=True).mean()) for trust, values in tried.items()}
        best = max(on, key=lambda trust: on[trust])
        note(
            f"{situation}: on the users of the choice {', '.join(f'{trust:g}: {value:.4f}' for trust, value in on.items())}; best {best:g}"
        )
        ways = {
            f"merged, trust {MEAN:g}": tried[MEAN],
            "merged, trust 1": tried[1.0],
            "near-line layer alone": quality(head, np.stack([one.vector for one in near_line]), about),
            **alone,
        }
        values = {name: by_user(about, one, chosen=False) for name, one in ways.items()}
        rows.append(row(f"{situation}: trust that is best on other users", "", best))
        for name, span in intervals(values).items():
            rows.append(row(f"{situation}: NDCG@{K}, {name}", "", span.mean, low=span.low, high=span.high))
        first = f"merged, trust {MEAN:g}"
        for name in list(ways)[1:]:
            gain = compare(values[first], values[name])
            rows.append(
                row(f"{situation}: NDCG@{K}, merged less {name}", "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p)
            )
    return rows


def merge_time(about: Asked) -> float:
    """Milliseconds of processor time that 99 of 100 merges stay below."""
    spent = []
    for old, new in zip(about.offline, about.situations["since the cut"], strict=True):
        began = time.thread_time()
        merged([old, new])
        spent.append((time.thread_time() - began) * 1e3)
    return float(np.quantile(spent, 0.99))


def main(steps: int) -> None:
    """Train, follow, and say what came out."""
    torch.set_num_threads(1)
    seed_everything(0)
    dataset = load("ml-100k").dataset
    cut = int(np.quantile(dataset.histories.times, 0.8))
    split = global_temporal(dataset, valid_from=cut, test_from=int(np.quantile(dataset.histories.times, 0.9)))
    model = SASRec(len(dataset.catalog), SASRecSettings(temperature=0.1))
    Trainer(TrainSettings(learning_rate=2e-3, steps=steps, epochs=1_000)).fit(model, split.train)
    head = DenseHead(model.eval())
    about = asked(head, dataset, cut)
    note(f"{len(about.users):,} events of {len(np.unique(about.users)):,} users after the cut; {steps} steps of training")
    rows = [*rows_of(head, about), row("one merge, 99 of 100 below", "ms", merge_time(about), bar=3.0)]
    for one in rows:
        note(" ".join(f"{key}={one[key]}" for key in ("what", "ours", "low", "high", "p") if one.get(key) is not None))
    if steps == STEPS:
        write("layers", rows)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else STEPS)
