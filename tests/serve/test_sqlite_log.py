from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from penchant.core.errors import ArtifactError, StorageError
from penchant.serve.events import Appended, LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog

ROOT = Path(__file__).resolve().parents[2]


def event(number: int, user: str = "ann", item: str = "tea") -> LiveEvent:
    return LiveEvent(f"e{number}", user, item, "like", 1_000 + number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "events.sqlite"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteEventLog]:
    log = SqliteEventLog(path)
    yield log
    log.close()


def test_offsets_rise_and_events_come_back_as_they_were(log: SqliteEventLog) -> None:
    rated = LiveEvent("r1", "bob", "café\x00 ☕", "rating", 7, 4.5)
    assert log.append([event(1), rated]) == Appended(accepted=2, duplicates=0, places={0: 2})
    first, second = log.read({0: 1})
    assert (first.offset, second.offset) == (1, 2)
    assert second == LiveEvent("r1", "bob", "café\x00 ☕", "rating", 7, 4.5, offset=2)
    assert log.read({0: 2}) == [second]
    assert log.read({0: 1}, limit=1) == [first]
    assert log.read({0: 3}) == []


def test_an_id_counts_once_within_a_batch_and_later(log: SqliteEventLog) -> None:
    assert log.append([event(1), event(1), event(2)]) == Appended(accepted=2, duplicates=1, places={0: 2})
    assert log.append([event(2), event(3)]) == Appended(accepted=1, duplicates=1, places={0: 3})
    assert log.append([]) == Appended(accepted=0, duplicates=0, places={0: 3})
    assert [logged.event_id for logged in log.read({0: 1})] == ["e1", "e2", "e3"]
    assert log.last_offset() == 3, "duplicates leave no gap"


def test_users_are_told_apart(log: SqliteEventLog) -> None:
    log.append([event(1, "ann"), event(2, "bob"), event(3, "ann"), event(4, "cem"), event(4, "ann")])
    assert [logged.event_id for logged in log.of_user("ann")] == ["e1", "e3"]
    log.append([LiveEvent(f"v{number}", "dan", "tea", "hide" if number == 1 else "view", number) for number in range(5)])
    assert [logged.event_id for logged in log.of_user("dan", newest=2)] == ["v1", "v3", "v4"], "what was hidden is told whenever it was"
    assert log.of_user("nobody") == []
    assert (log.last_of_user("ann"), log.last_of_user("cem"), log.last_of_user("nobody")) == (3, 4, 0)
    assert log.users() == ["dan", "cem", "ann", "bob"]
    assert log.users(limit=1) == ["dan"]


def test_the_log_goes_on_where_it_ended(path: Path) -> None:
    first = SqliteEventLog(path)
    first.append([event(1), event(2)])
    first.close()
    second = SqliteEventLog(path)
    assert second.append([event(2), event(3)]) == Appended(accepted=1, duplicates=1, places={0: 3})
    second.close()


def test_two_handles_see_the_same_log(log: SqliteEventLog, path: Path) -> None:
    other = SqliteEventLog(path)
    log.append([event(1)])
    assert other.append([event(1), event(2)]).duplicates == 1
    assert log.last_of_user("ann") == 2
    other.close()


def test_many_threads_lose_and_double_nothing(log: SqliteEventLog) -> None:
    def write(thread: int) -> None:
        for step in range(5):
            log.append([event(100 * thread + step), event(step)])  # the second kind is sent by every thread
            log.of_user("ann")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offsets = [logged.offset for logged in log.read({0: 1})]
    assert offsets == list(range(1, 8 * 5 + 5 + 1))


def test_who_waits_together_is_written_together(log: SqliteEventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    transaction, began, go_on, count = log._file.transaction, threading.Event(), threading.Event(), 0

    def slow() -> AbstractContextManager[sqlite3.Connection]:
        nonlocal count
        count += 1
        began.set()
        go_on.wait(10)
        return transaction()

    monkeypatch.setattr(log._file, "transaction", slow)
    threads = [threading.Thread(target=log.append, args=([event(number)],)) for number in range(6)]
    threads[0].start()
    began.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(log._waiting) < 5:
        threading.Event().wait(0.01)
    go_on.set()
    for thread in threads:
        thread.join()
    assert (count, log.last_offset()) == (2, 6), "one for the first, one for all who came meanwhile"


WRITER = """
import sys
from pathlib import Path
from penchant.serve.events import LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog
log = SqliteEventLog(Path(sys.argv[1]))
number = 0
while True:
    done = log.append([LiveEvent(f"e{number + j}", "ann", "tea", "view", 1) for j in range(3)])
    number += 3
    sys.stdout.write(f"{done.last_offset}\\n")
    sys.stdout.flush()
"""


def test_after_kill_9_everything_acknowledged_is_there(path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(10)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().splitlines()]
    writer.wait()
    log = SqliteEventLog(path)
    found = [logged.event_id for logged in log.read({0: 1}, limit=1_000_000)]
    assert len(found) % 3 == 0, "a batch is in the log whole or not at all"
    assert len(found) >= max(acknowledged) >= 30
    assert found == [f"e{number}" for number in range(len(found))]
    assert log.append([event(10**9)]).last_offset == len(found) + 1
    log.close()


def test_a_full_disk_refuses_and_spoils_nothing(log: SqliteEventLog, path: Path) -> None:
    resource = pytest.importorskip("resource", reason="this system has no limit on the size of files")
    log.append([event(1)])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 4096, limit[1]))  # as a disk with one page left
    try:
        with pytest.raises(StorageError, match="the disk"):
            log.append([LiveEvent(f"big{number}", "ann", "tea" * 50, "view", 1) for number in range(500)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [logged.event_id for logged in log.read({0: 1})] == ["e1"]
    assert log.append([event(2)]) == Appended(accepted=1, duplicates=0, places={0: 2})


def test_a_log_held_by_another_program_is_said_so(path: Path) -> None:
    log = SqliteEventLog(path, wait_seconds=0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="another program holds the event log"):
        log.append([event(1)])
    assert log.read({0: 1}) == [], "reading goes on"
    holder.execute("ROLLBACK")
    holder.close()
    assert log.append([event(1)]).accepted == 1
    log.close()


def test_a_closed_log_says_so(log: SqliteEventLog) -> None:
    log.close()
    with pytest.raises(StorageError, match="closed"):
        log.append([event(1)])
    with pytest.raises(StorageError, match="closed"):
        log.read({0: 1})


def test_a_damaged_file_is_refused_at_the_start(path: Path) -> None:
    log = SqliteEventLog(path)
    log.append([LiveEvent(f"e{number}", "ann", "tea" * 100, "view", 1) for number in range(200)])
    log.close()
    data = bytearray(path.read_bytes())
    data[4096 : 4096 * 6] = os.urandom(4096 * 5)
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="damaged"):
        SqliteEventLog(path)


@pytest.mark.parametrize("content", [b"user_id,item_id\n1,2\n" * 100, b"\0" * 4096])
def test_what_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(ArtifactError):
        SqliteEventLog(path)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (address)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(ArtifactError, match="another program"):
        SqliteEventLog(path)
    assert path.read_bytes() == before


def test_a_newer_version_is_refused(log: SqliteEventLog, path: Path) -> None:
    log.close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ArtifactError, match="version 99"):
        SqliteEventLog(path)


def test_a_folder_in_its_place_is_a_storage_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot be opened"):
        SqliteEventLog(path)
