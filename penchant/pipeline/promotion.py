"""Whether a release may take the place of the live one: both are asked for the same people's lists, and compared.

The traffic that is replayed is the newest event of users of the candidate, with all that they did before. A release is
trained without the two newest events of each user, so neither of the two has learnt from what it is asked for.

Letters: U users asked, k places of a list.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.evaluate.metrics import per_row
from penchant.evaluate.significance import Resampling, compare
from penchant.pipeline.release import Release

_WARM_UP = 3  # lists that count for nothing: tables are made on first use


class Bars(Settings):
    """What a candidate must reach."""

    users: int = Field(default=500, ge=10, description="asked, at most")
    k: int = Field(default=10, ge=1, description="length of the lists")
    margin: float = Field(default=0.05, ge=0, le=1, description="share of the live NDCG that may be lost, at the lower end of the interval")
    coverage: float = Field(default=0.8, ge=0, description="distinct items shown, in multiples of those of the live release, at least")
    slower: float = Field(default=1.5, gt=0, description="median time of a list, in multiples of the live release's, at most")
    catalogue: float = Field(default=0.9, ge=0, le=1, description="share of the live release's items that must still be there")
    seed: int = 0


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    Attributes:
        name: What was looked at.
        passed: Whether the candidate reaches the bar.
        found: What was found, in words and numbers.
        bar: What had to be found.
    """

    name: str
    passed: bool
    found: str
    bar: str


@dataclass(frozen=True)
class _Asked:
    """Lists of U users as item ids, best first, and the median time of one."""

    lists: list[list[str]]
    milliseconds: float


def examine(candidate: Release, live: Release | None, bars: Bars | None = None) -> list[Check]:
    """Every check of a candidate.

    Args:
        candidate: What may become live.
        live: What is; None if nothing is, then there is nothing to compare with.
        bars: What the candidate must reach.

    Raises:
        InputError: No user of the candidate has a newest event that could be asked for.
    """
    bars = bars or Bars()
    users = replayable(candidate, bars.users, bars.seed)
    if live is None:
        lists = _ask([candidate], candidate, users, bars.k)[0].lists
        return [Check("lists", all(lists), f"{sum(map(bool, lists))} of {len(lists)} users get one", "all")]
    new, old = _ask([candidate, live], candidate, users, bars.k)
    return [
        _catalogue(candidate, live, bars),
        _quality(candidate, users, new, old, bars),
        _coverage(new, old, bars),
        _speed(new, old, bars),
    ]


def replayable(release: Release, most: int, seed: int) -> np.ndarray:
    """int64[U], rows of users whose newest event is of an item that they did not have before, drawn at random.

    Lists leave out what a user has had, so other events say nothing of them.

    Raises:
        InputError: There is none.
    """
    h = release.histories
    long = np.flatnonzero(h.lengths > 1)
    newest = np.zeros(len(h), h.items.dtype)
    newest[long] = h.items[h.offsets[long + 1] - 1]
    times_had = np.bincount(h.rows[h.items == newest[h.rows]], minlength=len(h))
    good = long[times_had[long] == 1]
    require(len(good) > 0, f"{len(h)} users", "none has a newest event to ask for", "make the release of data with longer histories")
    chosen = generator(seed, len(good)).permutation(len(good))[:most]
    return np.sort(good[chosen])


def _ask(releases: Sequence[Release], source: Release, users: np.ndarray, k: int) -> list[_Asked]:
    """Lists of each release for the users of ``source``, in turns, so that whatever slows the machine slows all."""
    asks = [_asking(release, source, k) for release in releases]
    lists: list[list[list[str]]] = [[] for _ in releases]
    spent: list[list[float]] = [[] for _ in releases]
    for place, row in enumerate(np.concatenate([users[:_WARM_UP], users]).tolist()):
        for number in range(len(asks)) if place % 2 else reversed(range(len(asks))):
            started = time.perf_counter()
            found = asks[number](row)
            if place >= _WARM_UP:
                spent[number].append((time.perf_counter() - started) * 1e3)
                lists[number].append(found)
    return [_Asked(found, float(np.median(times))) for found, times in zip(lists, spent, strict=True)]


def _asking(release: Release, source: Release, k: int) -> Callable[[int], list[str]]:
    """Asks a release for the list of a user of ``source`` before their newest event; items it does not know are skipped."""
    recommender = release.recommender()
    codes = np.concatenate([np.zeros(1, np.int32), release.space.catalog.items.encode(source.space.catalog.table["item_id"].to_list())])
    h = source.histories

    def ask(row: int) -> list[str]:
        past = slice(h.offsets[row], h.offsets[row + 1] - 1)
        items = codes[h.items[past]]
        known = items > 0
        history = Histories.of(
            [items[known]],
            actions=[h.actions[past][known]],
            times=[h.times[past][known]] if h.timed else None,
            domains=[release.space.catalog.domain_codes[items[known]]],
        )
        found = recommender.recommend(history=history, k=min(k, len(release.space.catalog)), explain=False)
        return [one.item_id for one in found.suggestions]

    return ask


def _quality(candidate: Release, users: np.ndarray, new: _Asked, old: _Asked, bars: Bars) -> Check:
    h, catalog = candidate.histories, candidate.space.catalog
    targets = Histories.of([[int(h.items[h.offsets[row + 1] - 1])] for row in users.tolist()])

    def ndcg(asked: _Asked) -> np.ndarray:
        lists = np.zeros((len(users), bars.k), np.int32)
        for row, ids in enumerate(asked.lists):
            lists[row, : len(ids)] = _codes(catalog.items.encode(ids))
        return per_row(lists, targets, [bars.k])[f"ndcg@{bars.k}"]

    ours, theirs = ndcg(new), ndcg(old)
    change = compare(ours, theirs, Resampling(seed=bars.seed)).mean
    least = -bars.margin * float(theirs.mean())
    found = f"NDCG@{bars.k} {ours.mean():.4f} against {theirs.mean():.4f} of {len(users)} users,"
    found += f" difference {change.mean:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
    return Check("quality", change.low >= least, found, f"the lower end is at least {least:+.4f}")


def _codes(items: np.ndarray) -> np.ndarray:
    """Items that the candidate does not know must not be taken for empty places, nor for each other."""
    return np.where(items > 0, items, -1 - np.arange(len(items), dtype=np.int32))


def _coverage(new: _Asked, old: _Asked, bars: Bars) -> Check:
    ours, theirs = (len({item for items in asked.lists for item in items}) for asked in (new, old))
    return Check("coverage", ours >= bars.coverage * theirs, f"{ours} items shown against {theirs}", f"at least {bars.coverage:g} times")


def _speed(new: _Asked, old: _Asked, bars: Bars) -> Check:
    found = f"{new.milliseconds:.1f} ms a list against {old.milliseconds:.1f} ms"
    return Check("latency", new.milliseconds <= bars.slower * old.milliseconds, found, f"at most {bars.slower:g} times")


def _catalogue(candidate: Release, live: Release, bars: Bars) -> Check:
    ids = live.space.catalog.table["item_id"].to_list()
    kept = float((candidate.space.catalog.items.encode(ids) > 0).mean())
    return Check("catalogue", kept >= bars.catalogue, f"{kept:.1%} of {len(ids):,} items are still there", f"at least {bars.catalogue:.0%}")
