"""GET /v1/operations, against what was really asked of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.events import LiveEvent
from penchant.serve.keys import KeyFile
from penchant.serve.operations.overview import reason_of
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write


def told(client: TestClient) -> dict:
    answer = client.get("/v1/operations")
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came")


def test_traffic_is_what_was_asked(client: TestClient, tiny_release: Release) -> None:
    for item in ("i1", "i2", "i999"):
        client.get(f"/v1/items/{item}")
    client.get("/v1/health")
    found = told(client)
    traffic = found["traffic"]
    routes = {one["route"]: one for one in traffic["routes"]}
    items = routes["/v1/items/{item_id:path}"]
    span = max(1.0, traffic["window_seconds"])
    assert items["requests_per_second"] * span == pytest.approx(3)
    assert items["refused_per_second"] * span == pytest.approx(1)
    assert (items["failed_per_second"], traffic["shed"], traffic["running"]) == (0, 0, 1)
    assert 0 < items["milliseconds"]["median"] <= items["milliseconds"]["p95"] <= items["milliseconds"]["p99"]
    assert "/v1/health" in routes
    assert traffic["total"]["requests_per_second"] * span == pytest.approx(3), "without who watches"
    assert found["release"] == {
        "name": tiny_release.path.name,
        "id": tiny_release.id,
        "created": tiny_release.created,
        "dataset": "tiny",
    }
    assert 0 < found["uptime_seconds"] < 600
    assert found["shelf"] is False
    assert found["near_line"] is None, "nobody follows a log without a store"


def test_a_quiet_server_says_so(client: TestClient) -> None:
    traffic = told(client)["traffic"]
    assert traffic["total"] == {"requests_per_second": 0, "refused_per_second": 0, "failed_per_second": 0, "milliseconds": None}
    assert traffic["routes"] == []
    assert len(traffic["beats"]) == 1, "no idle time is told of before the start"
    assert told(client)["traffic"]["routes"][0]["route"] == "/v1/operations"


def test_lists_events_and_parts_are_counted(client: TestClient, log: SqliteEventLog, do: Callable[..., dict]) -> None:
    do("ann", "like", "i1")
    client.post("/v1/events", json={"events": [{"user_id": "ann", "item_id": "none", "event": "view"}]})
    for _ in range(3):
        client.post("/v1/recommend", json={"user_id": "ann"})
    client.post("/v1/recommend", json={"user_id": "ann", "model": "ease"})
    found = told(client)
    assert {one["name"]: one["count"] for one in found["events"]} == {"accepted": 1, "refused": 1}
    rungs = {one["name"]: (one["count"], one["share"]) for one in found["lists"]["rungs"]}
    assert rungs["ease"] == (1, 0.25)
    assert found["lists"]["lists"] == 4 == sum(count for count, _ in rungs.values())
    log.close()
    client.post("/v1/recommend", json={"user_id": "ann"})
    (missing,) = told(client)["lists"]["missing"]
    assert (missing["count"], missing["share"]) == (1, 0.2)


def test_lag_and_dead_letters_of_a_worker_here(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    now = int(time.time())
    log.append([LiveEvent("e1", "ann", "i1", "view", now - 60), LiveEvent("e2", "ann", "i2", "view", now + 10**6)])
    with TestClient(create_app(tiny_release, log=log, store=store)) as client:
        wait_until(lambda: told(client)["near_line"]["lags"] == [{"partition": 0, "read_to": 3, "end": 3, "lag": 0}])
        near_line = told(client)["near_line"]
        assert near_line["dead_letters"] == [{"name": "it lies in the future", "count": 1, "share": 1.0}]
        assert near_line["here"] is True
        assert 60 <= near_line["newest_age_seconds"] < 90, "of the one that does not lie in the future"
        person = client.get("/v1/users/ann").json()
        assert person["read_to"] == person["followed_to"] == [{"partition": 0, "offset": 3}]


def test_a_worker_elsewhere_and_a_store_that_is_gone(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    log.append([LiveEvent("e1", "ann", "i1", "view", 1)])
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False)) as client:
        near_line = told(client)["near_line"]
        assert (near_line["here"], near_line["newest_age_seconds"]) == (False, None)
        assert near_line["lags"] == [{"partition": 0, "read_to": 1, "end": 2, "lag": 1}]
        assert store.put({}, after={0: 2})
        assert told(client)["near_line"]["lags"][0]["lag"] == 0
        store.close()
        near_line = told(client)["near_line"]
        assert (near_line["lags"], near_line["dead_letters"]) == (None, None)
        assert told(client)["vectors"]["waiting"] is None, "nobody can count the queue"


def test_letters_beyond_the_bound_are_not_read(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    letter = Write(b'{"partition": 0, "offset": 1, "reason": "KeyError: \'format\'", "content": ""}')
    assert store.put({f"dead:0:{number}": letter for number in range(1_010)})
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False)) as client:
        assert told(client)["near_line"]["dead_letters"] == [{"name": "KeyError", "count": 1_000, "share": 1.0}]


@pytest.mark.parametrize(
    ("letter", "reason"),
    [
        ("timestamp=99: it lies in the future", "it lies in the future"),
        ("JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "JSONDecodeError"),
        ("KeyError: 'format'", "KeyError"),
        ("InputError: format=2: this Penchant reads format 1; use a newer Penchant", "this Penchant reads format 1"),
        ("InputError: {'user_id': 'ann: x; y'}: names are texts; mend the sender", "names are texts"),
        ("no shape at all", "no shape at all"),
        ("", ""),
    ],
)
def test_reasons_are_told_without_what_the_record_holds(letter: str, reason: str) -> None:
    assert reason_of(letter) == reason


def test_it_is_for_administrators(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    reader, admin = keys.add("reader", ["read", "events", "users"]), keys.add("admin", ["admin"])
    with TestClient(create_app(tiny_release, log=log, settings=ServeSettings(keys=keys.path))) as client:
        asked = [
            client.get("/v1/operations", headers=how) for how in ({}, *({"authorization": f"Bearer {key}"} for key in (reader, admin)))
        ]
    assert [one.status_code for one in asked] == [401, 403, 200]
