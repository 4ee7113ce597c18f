"""Leak lint: planted leaks are found, clean data gives no error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories
from penchant.data.lint import FeatureTable, Finding, lint
from penchant.data.splits import Split, Targets, cold_items, global_temporal, leave_one_out

USERS, ITEMS, LENGTH = 60, 40, 12
START = 1_500_000_000


def made(seed: int = 0, *, gap: int = 3600, repeats: bool = False, order: str = "random", **columns: Any) -> Dataset:
    """Random events without repeats at random distinct times, and items with titles that share no words with ids."""
    random = np.random.default_rng(seed)
    picked = [random.choice(ITEMS, LENGTH, replace=repeats) for _ in range(USERS)]
    if order == "sorted":
        picked = [np.sort(row) for row in picked]
    times = START + random.permutation(USERS * LENGTH) * gap
    events = pl.DataFrame(
        {
            "user_id": np.repeat([f"user-{u:03}" for u in range(USERS)], LENGTH),
            "item_id": [f"item-{i:03}" for row in picked for i in row],
            "timestamp": times,
            "value": random.integers(1, 6, size=USERS * LENGTH).astype(np.float32),
        }
    )
    words = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath"]
    titles = [f"The {words[n % 8]} of {words[n // 8]}" for n in range(ITEMS)]
    items = pl.DataFrame({"item_id": [f"item-{n:03}" for n in range(ITEMS)], "title": titles})
    return Dataset.build("made", events.with_columns(**columns), items)


def codes(findings: list[Finding], severity: str | None = None) -> set[str]:
    return {finding.code for finding in findings if severity in (None, finding.severity)}


def only(findings: list[Finding], code: str) -> Finding:
    (found,) = [finding for finding in findings if finding.code == code]
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("rule", [leave_one_out, global_temporal, cold_items])
def test_clean_data_gives_no_error_and_no_warning(seed: int, rule: Any) -> None:
    dataset = made(seed)
    split = rule(dataset)
    counts = np.bincount(split.train.items, minlength=ITEMS + 1)[1:]
    clean = pl.DataFrame({"item_id": dataset.catalog.items.ids, "seen": counts, "noise": np.random.default_rng(seed).random(ITEMS)})
    findings = lint(dataset, split, features=[FeatureTable("counts", clean, "item_id")])
    assert codes(findings) <= {"future-of-others", "items-only-in-test", "users-only-in-test", "future-in-training"}
    assert codes(findings, "error") == set() and codes(findings, "warning") == set()


def with_train(split: Split, extra: Histories) -> Split:
    """The split with further events in training (rows of all users)."""
    train = split.train
    both = [np.concatenate([train.row(r), extra.row(r)]) for r in range(len(train))]
    times = [np.concatenate([h.times[h.offsets[r] : h.offsets[r + 1]] for h in (train, extra)]) for r in range(len(train))]
    actions = [np.zeros(len(row), np.int8) for row in both]
    return replace(split, train=replace(Histories.of(both, times=times, actions=actions, users=train.users), timed=train.timed))


def test_target_in_training() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    planted = split.test.items.where(split.test.items.rows < 3)
    findings = lint(dataset, with_train(split, planted))
    found = only(findings, "target-in-training")
    assert found.severity == "error" and found.count == 3 and found.example is not None and "user-000" in found.example
    assert findings[0].severity == "error" and "future-in-training" not in codes(findings)  # at, not after, the target


def test_target_in_history() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    whole = dataset.histories
    findings = lint(dataset, replace(split, test=Targets(whole, split.test.items)))
    assert only(findings, "target-in-history").count == USERS
    findings = lint(dataset, replace(split, valid=Targets(whole.without_last(1), split.valid.items)))
    assert "validation" in only(findings, "target-in-history").message


def test_future_in_training_and_history() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    findings = lint(dataset, replace(split, train=dataset.histories, test=Targets(split.valid.histories, split.valid.items)))
    assert only(findings, "future-in-training").count == USERS  # each user's last event
    swapped = replace(split, test=Targets(split.test.items, split.test.histories))
    assert only(lint(dataset, swapped), "future-in-history").count == USERS


def test_leave_one_out_has_no_common_clock_and_global_time_has() -> None:
    dataset = made()
    assert "future-of-others" in codes(lint(dataset, leave_one_out(dataset)), "info")
    assert "future-of-others" not in codes(lint(dataset, global_temporal(dataset)))


def test_repeated_targets() -> None:
    clean = made()
    last = clean.histories.last(2).items.reshape(-1, 2)
    events = clean.events.select("user_id", "item_id", "timestamp", "value")
    copies = pl.DataFrame(
        {"user_id": clean.users.ids, "item_id": clean.catalog.items.decode(last[:, 1]), "timestamp": START + 10**8, "value": 1.0}
    )
    dataset = Dataset.build("copied", pl.concat([events, copies.cast(events.schema)]), clean.catalog.table)
    assert only(lint(dataset, leave_one_out(dataset)), "repeated-targets").count == USERS
    often = made(repeats=True)  # where people do repeat, it is no leak
    assert "repeated-targets" not in codes(lint(often, leave_one_out(often)))


def test_only_in_test() -> None:
    dataset = made()
    split = cold_items(dataset, share=0.2)
    assert only(lint(dataset, split), "items-only-in-test").severity == "info"
    split = leave_one_out(dataset)
    bare = replace(split, train=split.train.where(split.train.rows != 0))
    assert only(lint(dataset, bare), "users-only-in-test").example == "user 'user-000'"


def test_ties_in_the_order_of_ids() -> None:
    dataset = made(order="sorted", timestamp=pl.lit(START))
    findings = lint(dataset, leave_one_out(dataset))
    assert only(findings, "tied-targets").count == USERS and only(findings, "tied-targets").severity == "warning"
    found = only(findings, "tie-order-item-id")
    assert found.severity == "warning" and found.count == USERS * (LENGTH - 1) and "100%" in found.message
    fair = made(timestamp=pl.lit(START))
    assert "tie-order-item-id" not in codes(lint(fair, leave_one_out(fair)))


def test_untimed_data_in_the_order_of_ids() -> None:
    dataset = made(order="sorted", timestamp=pl.lit(None, dtype=pl.Int64))
    findings = lint(dataset, leave_one_out(dataset))
    assert "tie-order-item-id" in codes(findings, "warning") and "tied-targets" not in codes(findings)


def test_ties_in_the_order_of_popularity() -> None:
    random = np.random.default_rng(1)
    weights = 1 / np.arange(1, ITEMS + 1)
    shuffled = random.permutation(ITEMS)
    rows = [np.sort(random.choice(ITEMS, LENGTH, replace=False, p=weights / weights.sum())) for _ in range(200)]
    events = pl.DataFrame(
        {"user_id": np.repeat(np.arange(200), LENGTH), "item_id": shuffled[np.concatenate(rows)], "timestamp": START}
    ).cast({"user_id": pl.String, "item_id": pl.String})
    dataset = Dataset.build("popular", events, pl.DataFrame({"item_id": [str(n) for n in range(ITEMS)]}))
    assert "tie-order-popularity" in codes(lint(dataset, leave_one_out(dataset)), "warning")


def with_items(dataset: Dataset, **columns: Any) -> Dataset:
    return replace(dataset, catalog=type(dataset.catalog)(dataset.catalog.table.with_columns(**columns)))


def test_ids_in_texts() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    own = with_items(dataset, description=pl.format("Buy it ({}) now", "item_id"))
    assert only(lint(own, split), "id-in-text").count == ITEMS
    assert "id-in-text" not in codes(lint(own, split, items_text=False))
    neighbour = pl.format("People also bought item-{}.", ((pl.int_range(pl.len()) + 1) % ITEMS).cast(pl.String).str.zfill(3))
    found = only(lint(with_items(dataset, description=neighbour), split), "ids-in-text")
    assert found.count == ITEMS and found.example == "item 'item-000' mentions 'item-001'"


def test_also_bought_that_leads_to_targets_is_an_error() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    pairs = (
        pl.DataFrame({"item": split.test.histories.last(1).items, "target": split.test.items.items})
        .group_by("item")
        .agg("target")
        .sort("item")
    )
    lists = {row["item"]: dataset.catalog.items.decode(np.array(row["target"])) for row in pairs.to_dicts()}
    planted = with_items(dataset, also_bought=pl.Series([lists.get(n, []) for n in range(1, ITEMS + 1)], dtype=pl.List(pl.String)))
    found = only(lint(planted, split), "ids-in-text")
    assert found.severity == "error" and "'also_bought'" in found.message and "60 of 60 test rows" in found.message


def test_titles_in_queries() -> None:
    dataset = made()
    title = dict(zip(dataset.catalog.items.ids, dataset.catalog.titles(), strict=True))
    typed = [f"buy {title[i].upper()} cheap" if n % LENGTH == LENGTH - 1 else "something" for n, i in enumerate(dataset.events["item_id"])]
    planted = replace(dataset, events=dataset.events.with_columns(query=pl.Series(typed)))
    assert only(lint(planted, leave_one_out(planted)), "title-in-query").count == USERS
    harmless = replace(dataset, events=dataset.events.with_columns(query=pl.lit("something")))
    assert "title-in-query" not in codes(lint(harmless, leave_one_out(harmless)))


@pytest.mark.parametrize("rule", [leave_one_out, global_temporal])
@pytest.mark.parametrize("feature", ["test", "whole", "log", "mean"])
def test_features_that_know_the_test(rule: Any, feature: str) -> None:
    dataset = made()
    split = rule(dataset)
    whole = np.bincount(dataset.histories.items, minlength=ITEMS + 1)[1:]
    mean = dataset.events.group_by("item").agg(pl.col("value").mean()).sort("item")["value"].to_numpy()
    asked = np.bincount(split.test.items.items, minlength=ITEMS + 1)[1:]
    values = {"test": asked, "whole": whole * 2 + 1, "log": np.log1p(whole), "mean": mean}[feature]
    table = pl.DataFrame({"item_id": dataset.catalog.items.ids, "planted": values}).sample(fraction=1.0, shuffle=True, seed=1)
    found = only(lint(dataset, split, features=[FeatureTable("planted", table, "item_id")]), "feature-knows-test")
    assert found.severity == "error" and "'planted'" in found.message


def test_features_dated_after_the_cut() -> None:
    dataset = made()
    split = global_temporal(dataset)
    cut = int(split.test.items.times.min())
    table = pl.DataFrame({"item_id": ["item-000", "item-001", "item-002"], "price": [1.0, 2.0, 3.0], "until": [cut - 1, cut, cut + 1]})
    found = only(lint(dataset, split, features=[FeatureTable("prices", table, "item_id", "until")]), "feature-after-cut")
    assert found.count == 1 and "item-002" in str(found.example)


def test_user_features_have_the_cut_of_their_user_when_there_is_no_common_clock() -> None:
    dataset = made()
    split = leave_one_out(dataset)
    until = [int(time) - 1 for time in split.test.items.times]
    table = pl.DataFrame({"user_id": dataset.users.ids, "until": until})
    assert "feature-after-cut" not in codes(lint(dataset, split, features=[FeatureTable("users", table, "user_id", "until")]))
    late = table.with_columns(until=pl.col("until") + 2)
    assert only(lint(dataset, split, features=[FeatureTable("users", late, "user_id", "until")]), "feature-after-cut").count == USERS


def test_worst_first() -> None:
    dataset = made(order="sorted", timestamp=pl.lit(START))
    split = leave_one_out(dataset)
    severities = [finding.severity for finding in lint(dataset, replace(split, test=Targets(dataset.histories, split.test.items)))]
    assert severities == sorted(severities, key=["error", "warning", "info"].index) and set(severities) >= {"error", "warning"}


def test_bad_calls() -> None:
    dataset = made()
    table = pl.DataFrame({"item_id": ["item-000"]})
    with pytest.raises(InputError, match="pass the data set that was split"):
        lint(Dataset.build("other", dataset.events.select("user_id", "item_id").head(24), dataset.catalog.table), leave_one_out(dataset))
    with pytest.raises(InputError, match='"item_id" or "user_id"'):
        FeatureTable("x", table, "asin")
    with pytest.raises(InputError, match="no such column"):
        FeatureTable("x", table, "item_id", as_of="until")
