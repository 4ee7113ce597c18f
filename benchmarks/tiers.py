"""Live vectors of head items against released ones, and what tiers save.

Two streams of ratings, as in ``benchmarks.adaptation``: SASRec learns from the first 70 % of the events and stays as it is. Of the
others each is asked of the lists before it is learnt from. Events are taken as if so many came in a day (DAILY), as these data are
spread over months and years; an item becomes head when more than HIGH of the newest (worth half after a day) are of it.
Settings of vectors are the platform's defaults (whose rate was chosen on the first stream), but that the softmax goes over all items;
vectors go through the bytes they are stored as. DAILY and HIGH were set before anything was measured.

    released       nothing moves
    live head      vectors of head items move with every BATCH of events
    daily head     they move as well, and lists see them once a day
    all live       every item is head

Run: python -m benchmarks.tiers [--quick]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmarks.harness import row, write
from benchmarks.stream import K, Stream, stream
from penchant.core.progress import note
from penchant.core.seeds import seed_everything
from penchant.data.sources import load
from penchant.evaluate.significance import compare
from penchant.items.live_tiers import LiveTiers, TierSettings
from penchant.items.live_vectors import LiveVectorSettings, chances, from_bytes, moved, to_bytes
from penchant.users.decay import DAY, Decayed

STEPS, QUICK, BATCH = 2_000, 60, 64
DAILY, HIGH = 1_000, 5.0
NAMES = ("ml-100k", "ml-latest-small")
LIVE = LiveVectorSettings()


@dataclass
class Followed:
    """What came of one way.

    Attributes:
        quality: float[E], NDCG of each event.
        head: bool[E], whether its item was head just before.
        kept: Head items after each batch.
        flips: Promotions and demotions.
        seconds: Of counting and moving.
        away: Mean distance of head items from their released vectors, in these vectors' lengths, after each batch.
    """

    quality: np.ndarray
    head: np.ndarray
    kept: list[int] = field(default_factory=list)
    flips: int = 0
    seconds: float = 0.0
    away: list[float] = field(default_factory=list)


def follow(events: Stream, tiers: TierSettings, *, shown: int = 0, rest: bool = False) -> Followed:
    """Go through the stream.

    Args:
        events: In order of time.
        tiers: The marks.
        shown: Events between two moments at which lists see new vectors; 0: always.
        rest: Whether vectors never move.
    """
    heads, counts = LiveTiers(), Decayed(half_life=DAY)
    live, seen = events.items.copy(), events.items
    out = Followed(np.zeros(0), np.zeros(len(events.targets), bool))

    def items(start: int) -> np.ndarray:
        """The vectors just before a batch; then learn from it."""
        nonlocal heads, counts, seen
        if not rest and (not shown or start // shown > (start - BATCH) // shown):
            seen = live.copy()
        asked = seen
        began = time.thread_time()
        part = slice(start, start + BATCH)
        targets, now = events.targets[part], (start + BATCH) * DAY / DAILY
        out.head[part] = [str(one) in heads.heads for one in targets]
        counts = counts.add([(str(one), int((start + at) * DAY / DAILY)) for at, one in enumerate(targets)], most=10 * tiers.most)
        before = heads
        heads = heads.after(dict(counts.as_of(int(now))), now, tiers)
        if not rest:
            _learn(events, part, heads, live, gone=set(before.heads) - set(heads.heads))
        out.seconds += time.thread_time() - began
        codes = np.array([int(one) for one in heads.heads], np.int64) - 1
        out.kept.append(len(codes))
        if len(codes):
            lengths = np.linalg.norm(events.items[codes], axis=1)
            out.away.append(float((np.linalg.norm(live[codes] - events.items[codes], axis=1) / lengths).mean()))
        return asked

    out.quality = events.judged(events.users, items, BATCH)
    out.flips = heads.flips
    return out


def _learn(events: Stream, part: slice, heads: LiveTiers, live: np.ndarray, *, gone: set[str]) -> None:
    """Move the vectors of head items by a batch; those that are head no more go back."""
    back = np.array([int(one) for one in gone], np.int64) - 1
    live[back] = events.items[back]
    codes = np.array(sorted(int(one) for one in heads.heads), np.int64)
    if not len(codes):
        return
    place = np.full(len(live) + 1, -1)
    place[codes] = np.arange(len(codes))
    users, rest = events.users[part], place[1:] < 0
    expected = chances(users, live[codes - 1], live[rest])
    after = moved(live[codes - 1], events.items[codes - 1], users, place[events.targets[part]], expected, LIVE)
    live[codes - 1] = list(from_bytes(to_bytes({str(code): row for code, row in zip(codes, after, strict=True)})).values())


def rows_of(name: str, events: Stream) -> list[dict[str, object]]:
    """Rows of one stream."""
    size = len(events.items)
    tiers = TierSettings(high=HIGH, low=HIGH / 2, most=size)
    ways: dict[str, Callable[[], Followed]] = {
        "released": lambda: follow(events, tiers, rest=True),
        "live head": lambda: follow(events, tiers),
        "daily head": lambda: follow(events, tiers, shown=DAILY),
        "all live": lambda: follow(events, TierSettings(high=1e-9, low=0.0, most=size)),
    }
    found = {way: make() for way, make in ways.items()}
    main, days = found["live head"], len(events.targets) / DAILY
    rows = [
        row(f"{name}: events after the release", "", len(events.targets)),
        row(f"{name}: items", "", size),
        row(f"{name}: head items, mean", "", float(np.mean(main.kept))),
        row(f"{name}: share of events that were of head items", "share", float(main.head.mean())),
        row(f"{name}: changes of tier a day of {DAILY:,} events", "", main.flips / days),
        row(f"{name}: live vectors kept, head against all", "share", float(np.mean(main.kept)) / max(found["all live"].kept[-1], 1)),
        row(f"{name}: distance of live from released vectors, mean", "lengths", float(np.mean(main.away)), bar=LIVE.drift),
        row(f"{name}: counting and moving, an event", "ms", 1e3 * main.seconds / len(events.targets)),
    ]
    for told, part in {"all": np.ones(len(main.head), bool), "of head items": main.head, "of tail items": ~main.head}.items():
        people, place = np.unique(events.people[part], return_inverse=True)
        rows += [row(f"{name}, events {told}: NDCG@{K}, {way}", "", float(one.quality[part].mean())) for way, one in found.items()]
        means = {way: np.bincount(place, one.quality[part]) / np.bincount(place) for way, one in found.items()}
        for way, other in (("live head", "released"), ("live head", "daily head"), ("live head", "all live")):
            gain = compare(means[way], means[other])
            what = f"{name}, events {told}: {way} less {other}, mean of {len(people):,} users"
            rows.append(row(what, "", gain.mean.mean, low=gain.mean.low, high=gain.mean.high, p=gain.p))
    return rows


def main(steps: int) -> None:
    """Train, follow, and say what came out."""
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    for name in NAMES:
        seed_everything(0)
        rows += rows_of(name, stream(load(name).dataset, steps))
    for one in rows:
        note(" ".join(f"{key}={one[key]}" for key in ("what", "ours", "low", "high", "p") if one.get(key) is not None))
    if steps == STEPS:
        write("tiers", rows)


if __name__ == "__main__":
    main(QUICK if "--quick" in sys.argv else STEPS)
