"""What came of items that were shown, with known answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.catalog import Catalog
from penchant.pipeline.rules.kinds import Explore, Rules, Spacing
from penchant.serve.events import LiveEvent
from penchant.serve.served import Served
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.tallies import OutcomesOf, Tallies, by_success

CATALOG = Catalog(pl.DataFrame({"item_id": ["a", "b", "c"]}))
NOW = 1_000_000.0


def shown(request_id: str, at: float, user: str | None, *items: str) -> Served:
    return Served(request_id, at, user, "r", "dense", items, (1.0,) * len(items), {}, 1.0, {})


def event(user: str, item: str, at: int, kind: str = "click") -> LiveEvent:
    return LiveEvent(f"{user}{item}{at}", user, item, kind, at)


@pytest.fixture
def now() -> list[float]:
    return [NOW]


@pytest.fixture
def answers(tmp_path: Path, now: list[float]) -> Iterator[SqliteServedLog]:
    with closing(SqliteServedLog(tmp_path / "served.sqlite", clock=lambda: now[0])) as answers:
        yield answers


@pytest.fixture
def tallies(answers: SqliteServedLog, log: SqliteEventLog, now: list[float]) -> Tallies:
    return Tallies(answers, log, lambda: True, window=100.0, clock=lambda: now[0])


def counts(tallies: Tallies) -> list[tuple[float, float]]:
    successes, failures = tallies.of(CATALOG).counts(np.array([1, 2, 3]))
    return list(zip(successes.tolist(), failures.tolist(), strict=True))


def test_what_is_chosen_within_the_window_succeeds_and_all_else_fails(
    tallies: Tallies, answers: SqliteServedLog, log: SqliteEventLog, now: list[float]
) -> None:
    answers.append(shown("1", NOW, "u", "a", "b", "gone from the catalogue"))
    answers.append(shown("2", NOW + 10, "v", "a"))
    answers.append(shown("3", NOW + 20, None, "a"))
    did = [
        event("u", "a", int(NOW) + 50),
        event("u", "b", int(NOW) + 200),  # too late
        event("u", "b", int(NOW) - 1),  # before it was shown
        event("u", "b", int(NOW) + 5, "view"),
        event("u", "c", int(NOW) + 5),  # it was not shown
    ]
    log.append(did)
    answers.flush()
    assert tallies.look() == 0, "the window is not over"
    now[0] = NOW + 500
    assert tallies.look() == 3
    assert counts(tallies) == [(1, 1), (0, 1), (0, 0)]
    assert tallies.look() == 0, "each counts once"


def test_of_many_answers_each_counts_once(tallies: Tallies, answers: SqliteServedLog, now: list[float]) -> None:
    for place in range(1_234):
        answers.append(shown(f"{place:05}", NOW + place // 100, "u", "c"))
    answers.flush()
    now[0] = NOW + 500
    assert tallies.look() == 1_234
    answers.append(shown("late", NOW + 300, "u", "c"))
    answers.flush()
    assert tallies.look() == 1
    assert counts(tallies)[2] == (0, 1_235)


def test_codes_follow_the_counts(tallies: Tallies, answers: SqliteServedLog, log: SqliteEventLog, now: list[float]) -> None:
    of = OutcomesOf(tallies, CATALOG)
    first = of.now()
    assert first.of([1, 2, 3]) == {}
    answers.append(shown("1", NOW, "u", "b"))
    log.append([event("u", "b", int(NOW) + 1, "purchase")])
    answers.flush()
    now[0] = NOW + 500
    tallies.look()
    assert of.now().of([1, 2, 3]) == {2: (1, 0)}
    assert of.now() is of.now()
    assert first.of([1, 2, 3]) == {}, "what a list was made by does not change"
    assert OutcomesOf(None, CATALOG).now().of([1]) == {}


def test_only_thompson_goes_by_them() -> None:
    assert by_success(Rules(rules=(Spacing(), Explore(chance=0.1, method="thompson"))))
    assert not by_success(Rules(rules=(Spacing(), Explore(chance=0.1))))
