from __future__ import annotations

import itertools

import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.serve.directory import Directory
from penchant.serve.events import LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog

ITEMS = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["Green Tea", "Milk (whole)", "Sea Salt"]})
PAST = {"1": "abc", "2": "a", "10": "b", "21": "c", "Ann": "baccc", "*": "b"}  # user: items, oldest first


@pytest.fixture
def directory(log: SqliteEventLog) -> Directory:
    events = pl.DataFrame([{"user_id": user, "item_id": item} for user, items in PAST.items() for item in items])
    data = Dataset.build("toy", events, ITEMS)
    return Directory(data.users, data.histories, data.catalog.titles(), log)


def came(log: SqliteEventLog, *users: str) -> None:
    for user in users:
        log.append([LiveEvent(f"e{next(_numbers)}", user, "a", "view", 1)])


_numbers = itertools.count()


def test_everybody_shorter_ids_first(directory: Directory) -> None:
    assert directory.search("", 10) == (["*", "1", "2", "10", "21", "Ann"], 6)
    assert directory.search("", 2) == (["*", "1"], 6), "the total counts those not shown"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1", ["1", "10", "21"]),  # begins with it before holds it
        (" ann ", ["Ann"]),
        ("*", ["*"]),  # not a pattern
        ("nobody", []),
        ("milk", ["*", "1", "10"]),  # of Ann, only the newest three items count
        ("(whole", ["*", "1", "10"]),
        ("te", []),  # too short for titles
    ],
)
def test_a_part_of_the_id_or_of_a_recent_title(directory: Directory, text: str, found: list[str]) -> None:
    assert directory.search(text, 10) == (found, len(found))


def test_who_came_after_training_comes_first_the_newest_at_the_top(directory: Directory, log: SqliteEventLog) -> None:
    came(log, "visitor-1", "visitor-2", "2", "visitor-1")
    assert directory.search("", 4) == (["visitor-1", "visitor-2", "*", "1"], 8)
    assert directory.search("VISIT", 1) == (["visitor-1"], 2)
    assert directory.search("visitor-2", 9) == (["visitor-2"], 1)
    assert directory.search("2", 2)[0] == ["2", "visitor-2"], "the id itself comes before all others"
