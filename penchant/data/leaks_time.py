"""Leaks of order and time: the future in training, targets that are already known, ties whose order carries the answer."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import binomtest

from penchant.data.dataset import Dataset
from penchant.data.findings import Finding, Severity, event_frame, first_times, last_times, say, share
from penchant.data.histories import Histories
from penchant.data.splits import Split, Targets

_RARE = 0.01  # a share of repeats below this is rare
_SURE = 1e-6  # chance of a false alarm that is accepted
_KEY = ["user", "item", "time", "action"]


def has_one_clock(split: Split) -> bool:
    """Whether every visible event of the test, of whatever user, is earlier than every target: a split by global time."""
    seen, asked = split.test.histories, split.test.items
    latest = max(int(seen.times.max(initial=-(2**62))), int(split.train.times.max(initial=-(2**62))))
    return bool(seen.timed and latest < asked.times.min(initial=2**62))


def future_events(dataset: Dataset, split: Split) -> list[Finding]:
    """Visible or training events that come after what is asked."""
    found = []
    for period, part in (("validation", split.valid), ("test", split.test)):
        late = np.flatnonzero(last_times(part.histories) > first_times(part.items))
        if len(late):
            row = int(late[0])
            message = f"{len(late):,} rows of the {period} show the model an event later than the first target"
            example = say(dataset, user=int(part.items.users[row]), time=int(last_times(part.histories)[row]))
            found.append(Finding("future-in-history", "error", message, len(late), example))
    found += _future_in_training(dataset, split)
    return found


def _future_in_training(dataset: Dataset, split: Split) -> list[Finding]:
    """A user's own training events after that user's test targets, and those of others."""
    asked = split.test.items
    limit = np.full(len(dataset.users) + 1, np.iinfo(np.int64).max)
    np.minimum.at(limit, asked.users, first_times(asked))
    train = split.train
    late = np.flatnonzero(train.times > limit[train.users[train.rows]])
    if len(late):
        event = int(late[0])
        cold = bool(split.cold[asked.items].all())  # a cold-item split asks about items, not about the future
        severity: Severity = "info" if cold else "error"
        message = f"{len(late):,} training events come after a test target of the same user"
        if cold:
            message += "; all targets are cold items, so say that the split is not one of time"
        user, item = int(train.users[train.rows[event]]), int(train.items[event])
        return [
            Finding("future-in-training", severity, message, len(late), say(dataset, user=user, item=item, time=int(train.times[event])))
        ]
    if train.timed and train.num_events:
        later = int((train.times > np.median(first_times(asked))).sum())
        if later:
            message = (
                f"{later:,} training events ({share(later, train.num_events)}) are later than half of the test targets, because "
                "each user has a clock of their own: trends of the test period are known; check with a split by global time"
            )
            return [Finding("future-of-others", "info", message, later)]
    return []


def known_targets(dataset: Dataset, split: Split) -> list[Finding]:
    """Target events that training or the visible history already contains."""
    real = _counts(event_frame(dataset.histories))
    found = []
    for code, where, parts in (
        ("target-in-training", "training", (split.train, split.valid.items, split.test.items)),
        ("target-in-history", "the visible history of the validation", (split.valid.histories, split.valid.items)),
        ("target-in-history", "the visible history of the test", (split.test.histories, split.test.items)),
    ):
        used = _counts(pl.concat([event_frame(part) for part in parts]))
        twice = used.join(real, on=_KEY, how="left", suffix="_real").filter(pl.col("len") > pl.col("len_real").fill_null(0))
        targets = event_frame(parts[-1]).join(twice.select(_KEY), on=_KEY, how="semi")
        if len(targets):
            user, item, time = targets.select("user", "item", "time").row(0)
            message = f"{len(targets):,} target events are in {where} too: the answer is given away"
            found.append(Finding(code, "error", message, len(targets), say(dataset, user=user, item=item, time=time)))
    return found


def _counts(events: pl.DataFrame) -> pl.DataFrame:
    return events.group_by(_KEY).len()


def repeated_targets(dataset: Dataset, split: Split) -> list[Finding]:
    """Targets whose item the user already had, in data where repeats are otherwise rare: copies of one event."""
    usual, events = _repeats(split.train), max(1, split.train.num_events)
    rate = usual.sum() / events
    again = _seen_before(split.test)
    count, rows = int(again.sum()), split.test.items.num_events
    if rate >= _RARE or count < 3 or binomtest(count, rows, max(float(rate), 1e-3), alternative="greater").pvalue > _SURE:
        return []
    event = int(np.flatnonzero(again)[0])
    asked = split.test.items
    message = (
        f"{count:,} of {rows:,} test targets ({share(count, rows)}) are items that the user's history has already, "
        f"while only {100 * rate:.2g}% of training events are repeats: probably copies of one event with another time"
    )
    example = say(dataset, user=int(asked.users[asked.rows[event]]), item=int(asked.items[event]), time=int(asked.times[event]))
    return [Finding("repeated-targets", "error", message, count, example)]


def _repeats(histories: Histories) -> np.ndarray:
    """bool[E], events whose item occurred earlier in the same row."""
    return ~event_frame(histories).select(pl.struct("row", "item").is_first_distinct()).to_series().to_numpy()


def _seen_before(targets: Targets) -> np.ndarray:
    """bool, one a target event: its item is in the row's visible history."""
    seen = event_frame(targets.histories).select("row", "item", seen=pl.lit(True)).unique()
    asked = event_frame(targets.items).join(seen, on=["row", "item"], how="left", maintain_order="left")
    return asked["seen"].fill_null(False).to_numpy()


def only_in_test(dataset: Dataset, split: Split) -> list[Finding]:
    """Items and users that the test asks about and training never saw."""
    found = []
    items, events = np.unique(split.test.items.items), split.test.items
    cold = items[split.cold[items]]
    if len(cold):
        hits = int(split.cold[events.items].sum())
        targets = f"{hits:,} of {events.num_events:,} targets"
        message = f"{len(cold):,} items are asked for but have no training event ({targets}): only content can find them"
        found.append(Finding("items-only-in-test", "info", message, len(cold), say(dataset, item=int(cold[0]))))
    trained = np.zeros(len(dataset.users) + 1, bool)
    trained[split.train.users[split.train.lengths > 0]] = True
    new = events.users[~trained[events.users]]
    if len(new):
        message = f"{len(new):,} of {len(events):,} test users have no training event: models with user ids cannot know them"
        found.append(Finding("users-only-in-test", "info", message, len(new), say(dataset, user=int(new[0]))))
    return found


def tie_order(dataset: Dataset, split: Split) -> list[Finding]:
    """Whether events of one moment, or the only order there is, follow the ids or the popularity of items."""
    h = dataset.histories
    left = np.flatnonzero(h.places[1:] > 0)  # flat index of an event whose right neighbour belongs to the same row
    pairs = left[h.times[left] == h.times[left + 1]] if h.timed else left
    found = []
    if h.timed and len(pairs):
        tied = int((last_times(split.test.histories) == first_times(split.test.items)).sum())
        rows = len(split.test)
        message = (
            f"{len(pairs):,} of {len(left):,} neighbouring events ({share(len(pairs), len(left))}) share one time; {tied:,} of {rows:,} "
            f"test rows ({share(tied, rows)}) are cut within such a time, where the order of the file decides which event is the target"
        )
        found.append(Finding("tied-targets", "warning" if tied > 0.1 * rows else "info", message, tied))
    popularity = np.bincount(split.train.items, minlength=dataset.num_items + 1)
    orders = [("item-id", "the order of item ids", _rank_of_ids(dataset))]
    if h.timed:  # where there is no time, popular items may truly come first
        orders.append(("popularity", "the popularity of items", popularity))
    where = "events of one time" if h.timed else "neighbouring events, which have no times,"
    for code, what, key in orders:
        before, after = key[h.items[pairs]], key[h.items[pairs + 1]]
        up, apart = int((after > before).sum()), int((after != before).sum())
        if apart >= 20 and abs(up / apart - 0.5) > (0.05 if h.timed else 0.1) and binomtest(up, apart).pvalue < _SURE:
            message = (
                f"{where} ascend by {what} in {share(up, apart)} of {apart:,} pairs (chance is 50%): "
                "the order carries information that no user gave; shuffle ties, or state this beside every number"
            )
            found.append(Finding(f"tie-order-{code}", "warning", message, apart))
    return found


def _rank_of_ids(dataset: Dataset) -> np.ndarray:
    """int64[N + 1], the place of each item in the order of ids: numbers as numbers, texts as texts."""
    ids = dataset.catalog.items.ids
    numbers = ids.cast(pl.Int64, strict=False)
    ranks = (ids if numbers.null_count() else numbers).rank("ordinal")
    return np.concatenate([np.zeros(1, np.int64), ranks.cast(pl.Int64).to_numpy()])
