"""The log of served answers: written beside the requests, found again as it was, and gone when it must be."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penchant.core.errors import StorageError, UnknownIdError
from penchant.serve import sqlite_served
from penchant.serve.served import Served
from penchant.serve.sqlite_served import SqliteServedLog

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
CHANCE = st.floats(0, 1, exclude_min=True)
ANSWERS = st.builds(
    Served,
    request_id=TEXT,
    at=st.floats(0, 4e9),
    user_id=st.none() | TEXT,
    release=TEXT,
    rung=TEXT,
    items=st.lists(TEXT, max_size=4).map(tuple),
    propensities=st.lists(CHANCE, max_size=4).map(tuple),
    arms=st.dictionaries(TEXT, TEXT, max_size=2),
    milliseconds=st.floats(0, 1e6),
    replay=st.dictionaries(TEXT, st.none() | st.integers() | st.lists(st.floats(allow_nan=False, allow_infinity=False)), max_size=3),
)


def answer(number: int, *, user: str | None = None, at: float | None = None) -> Served:
    when = float(number) if at is None else at
    return Served(f"r{number:04d}", when, user, "release", "dense", ("a", "b"), (1.0, 0.5), {}, 3.5, {"k": 2})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteServedLog]:
    made = SqliteServedLog(tmp_path / "served.sqlite", clock=lambda: 0.0)
    yield made
    made.close()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=ANSWERS)
def test_an_answer_comes_back_as_it_was(log: SqliteServedLog, told: Served) -> None:
    log.append(told)
    log.flush()
    assert log.get(told.request_id) == told


def test_answers_are_read_in_order_of_time_without_gap_or_double(log: SqliteServedLog) -> None:
    for number in (3, 1, 2, 5, 4):
        log.append(answer(number, at=float(number // 2)))  # pairs of one time
    log.flush()
    found, at, after = [], 0.0, ""
    while page := log.since(at, limit=2, after=after):
        found += [one.request_id for one in page]
        at, after = page[-1].at, page[-1].request_id
    assert found == ["r0001", "r0002", "r0003", "r0004", "r0005"]


def test_what_was_written_is_there_after_a_new_start(tmp_path: Path) -> None:
    first = SqliteServedLog(tmp_path / "served.sqlite", clock=lambda: 0.0)
    first.append(answer(1))
    first.close()
    again = SqliteServedLog(tmp_path / "served.sqlite", clock=lambda: 0.0)
    assert again.get("r0001") == answer(1)
    assert again.get("other") is None
    again.close()


def test_a_user_is_forgotten_and_others_stay(log: SqliteServedLog) -> None:
    for number in range(6):
        log.append(answer(number, user="anna" if number % 2 else "ben"))
    assert [one.request_id for one in log.of_user("anna")] == ["r0001", "r0003", "r0005"]
    assert log.forget("anna") == 3
    assert (log.of_user("anna"), log.get("r0001"), len(log.of_user("ben"))) == ([], None, 3)
    assert log.forget("anna") == 0


def test_old_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(sqlite_served, "_CLEAR", 0.0)
    log = SqliteServedLog(tmp_path / "served.sqlite", keep_seconds=50, clock=lambda: now[0])
    log.append(answer(1, at=90.0))
    log.append(answer(2, at=130.0))
    log.flush()
    now[0] = 145.0
    for _ in range(200):
        if log.get("r0001") is None:
            break
        time.sleep(0.02)
    assert log.get("r0001") is None
    assert log.get("r0002") is not None
    log.close()


def refusing(log: SqliteServedLog, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """A disk that refuses as long as the first event is set; the second tells that it did."""
    refuses, refused, transaction = threading.Event(), threading.Event(), log._file.transaction
    refuses.set()

    def full():
        if refuses.is_set():
            refused.set()
            raise StorageError("served.sqlite", "the disk is full", "free some space")
        return transaction()

    monkeypatch.setattr(log._file, "transaction", full)
    return refuses, refused


def test_while_the_disk_refuses_nobody_waits_and_what_fits_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_served, "_PAUSE", 0.02)
    monkeypatch.setattr(sqlite_served, "_GATHER", 0.01)
    log = SqliteServedLog(tmp_path / "served.sqlite", most_waiting=5, clock=lambda: 0.0)
    refuses, refused = refusing(log, monkeypatch)
    log.append(answer(0))
    assert refused.wait(10)
    for number in range(1, 20):
        log.append(answer(number))
    assert log.dropped == 14, "five wait, one is being written"
    refuses.clear()
    log.flush()
    assert len(log.since(-1.0)) == 6
    log.close()


def test_a_flush_waits_for_what_was_there_and_not_for_what_comes_meanwhile(log: SqliteServedLog) -> None:
    ends = threading.Event()

    def others() -> None:
        for number in range(1_000_000):
            if ends.is_set():
                return
            log.append(answer(1_000 + number))
            time.sleep(0.0005)

    busy = threading.Thread(target=others)
    busy.start()
    try:
        time.sleep(0.1)
        log.append(answer(1))
        log.flush()
        assert log.get("r0001") is not None
    finally:
        ends.set()
        busy.join()


def test_threads_that_append_at_once_lose_nothing(log: SqliteServedLog) -> None:
    def some(start: int) -> None:
        for number in range(start, start + 50):
            log.append(answer(number))

    threads = [threading.Thread(target=some, args=(start,)) for start in (0, 50, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.flush()
    assert len(log.since(-1.0)) == 150


def test_what_answers_share_is_kept_once_and_as_long_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    day, now = 86_400.0, [0.0]
    monkeypatch.setattr(sqlite_served, "_CLEAR", 0.0)
    log = SqliteServedLog(tmp_path / "served.sqlite", keep_seconds=7 * day, clock=lambda: now[0])
    names = [log.keep(content) for content in ("rules", "stock", "rules")]
    log.flush()
    assert names[0] == names[2] != names[1]
    assert [log.kept(name) for name in names] == ["rules", "stock", "rules"]
    assert len(log.file.ask("SELECT name FROM kept")) == 2
    for days in range(1, 12):  # one of them goes on being used
        now[0] = days * day
        log.keep("rules")
    for _ in range(200):
        if len(log.file.ask("SELECT name FROM kept")) == 1:
            break
        time.sleep(0.02)
    assert log.kept(names[0]) == "rules"
    with pytest.raises(UnknownIdError, match="nothing is kept under this name"):
        log.kept(names[1])
    log.close()


def test_what_found_no_room_is_kept_with_the_next_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_served, "_PAUSE", 0.02)
    monkeypatch.setattr(sqlite_served, "_GATHER", 0.01)
    log = SqliteServedLog(tmp_path / "served.sqlite", most_waiting=1, clock=lambda: 0.0)
    refuses, refused = refusing(log, monkeypatch)
    log.append(answer(0))
    assert refused.wait(10)
    log.append(answer(1))
    name = log.keep("rules")
    refuses.clear()
    log.flush()
    with pytest.raises(UnknownIdError):
        log.kept(name)
    assert log.keep("rules") == name
    log.flush()
    assert (log.kept(name), log.dropped) == ("rules", 0)
    log.close()
