"""Portraits tell what each layer knows, and go on where one cannot be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write, user_key


@pytest.fixture
def client(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> Iterator[TestClient]:
    with TestClient(create_app(tiny_release, log=log, store=store), raise_server_exceptions=False) as client:
        yield client


def portrait(client: TestClient, user: str) -> dict[str, Any]:
    answer = client.get(f"/v1/users/{user}/portrait")
    assert answer.status_code == 200, answer.text
    return answer.json()


def does(client: TestClient, user: str, *items: str) -> None:
    events = [{"event_id": f"{user}-{item}", "user_id": user, "item_id": item, "event": "view"} for item in items]
    assert client.post("/v1/events", json={"events": events}).status_code == 202


def soon(client: TestClient, user: str, events: int) -> dict[str, Any]:
    """The portrait, once there is a fresh vector of so many events; the user asks for lists meanwhile."""
    for _ in range(200):
        client.post("/v1/recommend", json={"user_id": user, "k": 1})
        found = portrait(client, user)
        if found["vector"] is not None and found["vector"]["fresh"] and found["vector"]["events"] == events:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no fresh vector: {found}")


def test_a_stranger_is_an_empty_page(client: TestClient, tiny_release: Release) -> None:
    empty = {"events": 0, "newest": None, "interests": []}
    assert portrait(client, "stranger") == {
        "user_id": "stranger",
        "known": False,
        "text": "0 events as of the release; 0 events since.",
        "release": tiny_release.id,
        "created": tiny_release.created,
        "offline": empty,
        "near_line": empty,
        "vector": None,
        "weights": {"offline": 0.0, "vector": 0.0},
        "recent": [],
        "liked": [],
        "hidden": [],
        "missing": [],
    }


def test_a_user_of_the_release(client: TestClient, tiny_release: Release) -> None:
    before = portrait(client, "u1")
    history = tiny_release.histories.row(0)
    assert (before["offline"]["events"], before["near_line"]["events"], before["vector"]) == (len(history), 0, None)
    assert before["offline"]["newest"] == int(tiny_release.histories.times[: len(history)].max())
    assert before["weights"] == {"offline": 1.0, "vector": 0.0}
    assert {one["live_tier"] for one in before["recent"]} == {"tail"}
    assert [one["item_id"] for one in before["recent"]] == tiny_release.space.catalog.items.decode(history[::-1][:10])
    shares = [one["share"] for one in before["offline"]["interests"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    after = soon(client, "u1", len(history))
    vector = after["vector"]
    state = tiny_release.tandem.states(tiny_release.histories.take(np.array([0]))).numpy()[0]
    assert vector["values"] == pytest.approx(state / np.linalg.norm(state), abs=2**-10)
    assert vector["norm"] == pytest.approx(1.0, abs=1e-3)
    assert (vector["release"], vector["events"], vector["newest"]) == (tiny_release.id, len(history), before["offline"]["newest"])
    assert 0 <= vector["age_seconds"] < 60
    assert after["weights"] == {"offline": 0.0, "vector": 1.0}


def test_what_was_done_since_shows_in_its_layer(client: TestClient) -> None:
    does(client, "u2", "i1", "i5")
    known = portrait(client, "u2")["offline"]["events"]
    found = soon(client, "u2", known + 2)
    assert found["near_line"]["events"] == 2
    assert time.time() - found["near_line"]["newest"] < 60
    assert found["near_line"]["interests"][0]["name"] == "Space"
    assert f"{known} events as of the release" in found["text"]
    assert "2 events since, mostly Space (" in found["text"]
    assert [one["item_id"] for one in found["recent"][:2]] == ["i5", "i1"]


def test_parts_that_cannot_be_read_are_named(client: TestClient, store: SqliteStateStore, log: SqliteEventLog) -> None:
    does(client, "u3", "i1")
    soon(client, "u3", portrait(client, "u3")["offline"]["events"] + 1)
    (found,) = store.get([user_key("u3")])
    assert found is not None
    assert store.put({user_key("u3"): Write(b"spoilt", found.version)})
    assert portrait(client, "u3")["missing"] == ["near-line"]
    store.close()
    assert set(portrait(client, "u3")["missing"]) - {"tiers"} == {"near-line", "vector"}, "tiers are known for a few seconds"
    log.close()
    found = portrait(client, "u3")
    assert set(found["missing"]) - {"tiers"} == {"live events", "near-line", "vector"}
    assert (found["vector"], found["near_line"]) == (None, None)
    assert found["offline"]["events"] > 0
    assert 'penchant_parts_missing_total{part="vector"} 2.0' in client.get("/metrics").text


def test_without_a_store_there_is_the_release(tiny_release: Release, log: SqliteEventLog) -> None:
    with TestClient(create_app(tiny_release, log=log)) as client:
        found = portrait(client, "u1")
        assert (found["near_line"], found["vector"], found["missing"]) == (None, None, [])
        assert found["weights"] == {"offline": 1.0, "vector": 0.0}
        assert "since" not in found["text"]


def test_ids_with_slashes_have_portraits_too(client: TestClient) -> None:
    does(client, "a/b", "i1")
    assert portrait(client, "a/b")["recent"][0]["item_id"] == "i1"
