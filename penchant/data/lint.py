"""Leak lint: look for what makes a result too good to be true, before it becomes a result.

    findings = lint(dataset, split)
    errors = [finding for finding in findings if finding.severity == "error"]

Checks, by code:

future-in-history, future-in-training   events after what is asked, in what the model sees or learns from
future-of-others                        the users have no common clock (leave-one-out): said, not judged
target-in-training, target-in-history   the very event that is asked for
repeated-targets                        copies of the target's item, where repeats are otherwise rare
items-only-in-test, users-only-in-test  what training cannot know
tied-targets                            targets that share their time with a visible event
tie-order-item-id, tie-order-popularity equal times whose order follows ids or popularity
id-in-text, ids-in-text                 texts that hold ids: their own, or "also bought" lists
title-in-query                          queries that hold the target's title
feature-after-cut, feature-knows-test   features computed over the test period
"""

from __future__ import annotations

from collections.abc import Sequence

from penchant.core.errors import require
from penchant.data.dataset import Dataset
from penchant.data.findings import SEVERITIES, Finding
from penchant.data.leaks_features import FeatureTable, features_of_the_future
from penchant.data.leaks_text import ids_in_texts, titles_in_queries
from penchant.data.leaks_time import future_events, known_targets, only_in_test, repeated_targets, tie_order
from penchant.data.splits import Split

__all__ = ["FeatureTable", "Finding", "lint"]


def lint(dataset: Dataset, split: Split, *, features: Sequence[FeatureTable] = (), items_text: bool = True) -> list[Finding]:
    """Look for leaks in a split of a data set.

    Args:
        dataset: What was split.
        split: How.
        features: Tables that models get beside the events.
        items_text: Whether any model reads item texts or queries.

    Returns:
        Findings, the worst first; none means that none of these checks found anything, not that there is no leak.

    Raises:
        InputError: The split is of another data set.
    """
    require(
        split.num_items == dataset.num_items and len(split.train) == len(dataset.users),
        f"split of {len(split.train):,} users and {split.num_items:,} items",
        f"{dataset.name} has {len(dataset.users):,} users and {dataset.num_items:,} items",
        "pass the data set that was split",
    )
    checks = [future_events, known_targets, repeated_targets, only_in_test, tie_order]
    if items_text:
        checks += [ids_in_texts, titles_in_queries]
    found = [finding for check in checks for finding in check(dataset, split)]
    found += features_of_the_future(dataset, split, features)
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
