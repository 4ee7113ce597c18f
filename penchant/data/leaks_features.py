"""Leaks through features: values computed over the test period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from penchant.core.errors import require
from penchant.data.coercion import to_seconds, to_text
from penchant.data.dataset import Dataset
from penchant.data.findings import Finding, event_frame, first_times
from penchant.data.leaks_time import has_one_clock
from penchant.data.splits import Split

_SAME = 1e-4  # a correlation this close to 1 comes of the same numbers only
_KEY = ["user", "item", "time", "action"]
_FEW = 10  # fewer rows than this correlate by accident


@dataclass(frozen=True)
class FeatureTable:
    """Values about items or users that a model is given beside the events.

    Attributes:
        name: For messages.
        table: One row an item or user.
        key: The id column, "item_id" or "user_id".
        as_of: The column that says up to when a row was computed (UTC seconds or dates); None where nothing says so.
    """

    name: str
    table: pl.DataFrame
    key: str
    as_of: str | None = None

    def __post_init__(self) -> None:
        known = ", ".join(self.table.columns)
        require(self.key in ("item_id", "user_id"), f"key={self.key!r}", "features are of items or of users", 'pass "item_id" or "user_id"')
        for name in (self.key, self.as_of):
            require(name is None or name in self.table.columns, f"{self.name}: {name!r}", "no such column", f"use one of: {known}")


def features_of_the_future(dataset: Dataset, split: Split, features: Sequence[FeatureTable]) -> list[Finding]:
    """Feature rows dated after the cut, and feature columns that count or average what the test asks."""
    found = []
    for feature in features:
        found += _dated_later(dataset, split, feature)
        found += _counted_later(dataset, split, feature)
    return found


def _dated_later(dataset: Dataset, split: Split, feature: FeatureTable) -> list[Finding]:
    """The cut is the first test target: of everybody where there is one clock or the row is an item's, else of that user."""
    if feature.as_of is None or not dataset.timed:
        return []
    seconds, _ = to_seconds(feature.table[feature.as_of])
    starts = first_times(split.test.items)
    cut = np.full(len(dataset.users) + 1, starts.min())
    rows = np.zeros(len(feature.table), np.int64)
    if feature.key == "user_id" and not has_one_clock(split):
        cut[:] = np.iinfo(np.int64).max
        cut[split.test.items.users] = starts
        rows = dataset.users.encode(_ids(feature)).astype(np.int64)
    late = np.flatnonzero(seconds.fill_null(np.iinfo(np.int64).min).to_numpy() > cut[rows])
    if not len(late):
        return []
    row = int(late[0])
    message = f"{len(late):,} of {len(feature.table):,} rows of features {feature.name!r} were computed after the first test target"
    when, limit = np.datetime64(seconds[row], "s"), np.datetime64(int(cut[rows[row]]), "s")
    example = f"{feature.key} {feature.table[feature.key][row]!r}: {when} against {limit}"
    return [Finding("feature-after-cut", "error", message, len(late), example)]


def _counted_later(dataset: Dataset, split: Split, feature: FeatureTable) -> list[Finding]:
    """Columns that fit a statistic of the test, or of the whole log, far better than any of the log before the test."""
    column = "item" if feature.key == "item_id" else "user"
    vocabulary = dataset.catalog.items if column == "item" else dataset.users
    codes = vocabulary.encode(_ids(feature))
    values = dataset.events.group_by(_KEY).agg(pl.col("value").cast(pl.Float64).mean())
    parts = {"train": [split.train], "before": [split.train, split.valid.items], "test": [split.test.items]}
    events = {name: pl.concat(map(event_frame, part)).join(values, on=_KEY, how="left") for name, part in parts.items()}
    tables = {name: _statistics(part, column, len(vocabulary)) for name, part in {**events, "whole": dataset.events}.items()}
    found = []
    for name in feature.table.columns:
        if name in (feature.key, feature.as_of) or not feature.table.schema[name].is_numeric():
            continue
        given = feature.table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for statistic in tables["train"]:
            fit = {period: _correlation(given, table[statistic][codes]) for period, table in tables.items()}
            period = "test" if fit["test"] > fit["whole"] else "whole"
            miss, allowed_miss = 1 - fit[period], 1 - max(fit["train"], fit["before"])
            if miss < _SAME and allowed_miss > 10 * miss + 1e-9:
                words = "the test alone" if period == "test" else "all events, those of the test included"
                message = f"column {name!r} of features {feature.name!r} is the {statistic} of each {column} over {words}"
                found.append(Finding("feature-knows-test", "error", message, len(feature.table), f"correlation {fit[period]:.6f}"))
    return found


def _statistics(events: pl.DataFrame, column: str, size: int) -> dict[str, np.ndarray]:
    """Numbers that features are made of, float64[size + 1] each, by code; NaN where there is nothing to average."""
    counted = events.group_by(column).agg(count=pl.len(), mean=pl.col("value").cast(pl.Float64).mean())
    count, mean = np.zeros(size + 1), np.full(size + 1, np.nan)
    codes = counted[column].to_numpy()
    count[codes] = counted["count"].to_numpy()
    mean[codes] = counted["mean"].fill_null(float("nan")).to_numpy()
    return {"number of events": count, "logarithm of the number of events": np.log1p(count), "mean value": mean}


def _ids(feature: FeatureTable) -> list[str]:
    return to_text(feature.table[feature.key])[0].fill_null("").to_list()


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's correlation where both are known; 0 where there is too little to tell."""
    known = np.isfinite(one) & np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < _FEW or len(np.unique(other)) < 3 or one.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
