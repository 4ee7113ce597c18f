"""A server with a worker inside: what was sent counts in trends and interests a moment later, and after a restart."""

from __future__ import annotations

import time

import pytest
from starlette.testclient import TestClient

from penchant.pipeline.changes import without_items
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write, user_key


def send(client: TestClient, *events: tuple[str, str]) -> None:
    now = time.time_ns()
    sent = [{"event_id": f"{now}-{n}", "user_id": user, "item_id": item, "event": "view"} for n, (user, item) in enumerate(events)]
    assert client.post("/v1/events", json={"events": sent}).status_code == 202


def trends(client: TestClient, count: float, limit: int = 20) -> list[str]:
    """The list, once it holds ``count`` events in all."""
    for _ in range(200):
        items = client.get("/v1/trending", params={"limit": limit}).json()["items"]
        if sum(item["count"] for item in items) > count - 0.01:
            return [item["item_id"] for item in items]
        time.sleep(0.02)
    raise AssertionError("the worker does not follow")


def test_events_count_in_trends_and_interests(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    with TestClient(create_app(tiny_release, log=log, store=store)) as client:
        assert client.get("/v1/trending").json() == {"items": []}
        assert client.get("/v1/users/new").json()["interests"] == []
        send(client, ("new", "i1"), ("new", "i5"), ("new", "i1"), ("other", "i1"), ("other", "i2"))
        assert trends(client, 5)[0] == "i1"
        assert trends(client, 3, limit=1) == ["i1"]
        interests = client.get("/v1/users/new").json()["interests"]
        assert sum(one["share"] for one in interests) == pytest.approx(1.0)
        assert interests[0]["share"] == max(one["share"] for one in interests)
        told = client.get("/metrics").text
        assert "penchant_worker_events 5.0" in told
        assert "penchant_worker_lag_events 0.0" in told


def test_a_restart_goes_on(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    with TestClient(create_app(tiny_release, log=log, store=store)) as client:
        send(client, ("new", "i1"))
        trends(client, 1)
    with TestClient(create_app(tiny_release, log=log, store=store)) as client:
        send(client, ("new", "i2"))
        assert sorted(trends(client, 2)) == ["i1", "i2"]


def test_blocked_items_do_not_trend(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    with TestClient(create_app(without_items(tiny_release, ["i1"]), log=log, store=store)) as client:
        send(client, ("new", "i1"), ("new", "i2"))
        assert trends(client, 1) == ["i2"]


def test_a_spoilt_state_costs_interests_and_nothing_else(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    with TestClient(create_app(tiny_release, log=log, store=store)) as client:
        send(client, ("new", "i1"))
        trends(client, 1)
        (found,) = store.get([user_key("new")])
        assert found is not None
        assert store.put({user_key("new"): Write(b"spoilt", found.version)})
        answer = client.get("/v1/users/new")
        assert (answer.status_code, answer.json()["interests"], answer.json()["events"]) == (200, [], 1)


def test_without_a_store_there_are_no_trends(client: TestClient) -> None:
    answer = client.get("/v1/trending")
    assert answer.status_code == 503
    assert "state store" in answer.json()["error"]["remedy"]
