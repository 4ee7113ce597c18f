"""Portraits tell what each layer knows, and go on where one cannot be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.portraits.page import names_below
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write, user_key
from penchant.users.categories import CategoryTree


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
    found: dict[str, Any] = {}
    for _ in range(200):
        client.post("/v1/recommend", json={"user_id": user, "k": 1})
        found = portrait(client, user)
        if found["vector"] is not None and found["vector"]["fresh"] and found["vector"]["events"] == events:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no fresh vector: {found}")


def test_a_stranger_is_an_empty_page(client: TestClient, tiny_release: Release) -> None:
    empty = {"events": 0, "newest": None, "interests": []}
    found = portrait(client, "stranger")
    potential = found["layers"].pop("potential")
    assert found == {
        "user_id": "stranger",
        "known": False,
        "text": "0 events as of the release; 0 events since.",
        "release": tiny_release.id,
        "created": tiny_release.created,
        "offline": empty,
        "near_line": empty,
        "events": 0,
        "newest": None,
        "layers": {"short": [], "long": [], "rare": [], "due": []},
        "intents": [],
        "tree": {"path": [], "weight": 0.0, "rest": 0.0, "evidence": [], "children": []},
        "prose": {"text": "Nothing is known of this user.", "author": "events", "by": "events", "made": None, "current": True},
        "written": None,
        "left_out": [],
        "changes": [],
        "kept": None,
        "review": None,
        "vector": None,
        "weights": {"offline": 0.0, "vector": 0.0},
        "recent": [],
        "liked": [],
        "hidden": [],
        "missing": [],
    }
    assert {one["path"][0] for one in potential} == {"Space", "Kitchen", "Garden", "Harbour"}, "what is common"
    time.sleep(0.5)
    assert portrait(client, "stranger")["kept"] is None, "looking at somebody who did nothing leaves nothing behind"


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
    assert set(portrait(client, "u3")["missing"]) - {"tiers"} == {"near-line", "vector", "stored portrait"}, (
        "tiers are known for a few seconds"
    )
    log.close()
    found = portrait(client, "u3")
    assert set(found["missing"]) - {"tiers"} == {"live events", "near-line", "vector", "stored portrait"}
    assert (found["vector"], found["near_line"], found["kept"]) == (None, None, None)
    assert found["layers"]["long"]
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


def tree_adds_up(branch: dict[str, Any]) -> None:
    assert branch["weight"] == pytest.approx(branch["rest"] + sum(child["weight"] for child in branch["children"]))
    for child in branch["children"]:
        assert child["path"][:-1] == branch["path"]
        tree_adds_up(child)


def test_interests_name_their_events_and_the_tree_adds_up(client: TestClient) -> None:
    does(client, "eve", "i1", "i5", "i2")
    found = portrait(client, "eve")
    assert (found["events"], found["tree"]["weight"]) == (3, 1.0)
    tree_adds_up(found["tree"])
    first = found["layers"]["long"][0]
    assert first["path"] == ["Space"]
    assert {one["item_id"] for one in first["evidence"]} <= {"i1", "i5", "i2"}
    assert all(one["title"] and one["title"] != one["item_id"] for one in first["evidence"])
    assert found["prose"]["text"].startswith("3 events, mostly Space")


def kept(client: TestClient, user: str, events: int) -> dict[str, Any]:
    """The portrait, once it is stored with so many events. Nobody asks for lists meanwhile."""
    found: dict[str, Any] = {}
    for _ in range(200):
        found = portrait(client, user)
        if found["kept"] is not None and found["kept"]["fresh"] and found["kept"]["events"] == events:
            return found
        time.sleep(0.02)
    raise AssertionError(f"no fresh portrait: {found['kept']}")


def test_a_click_changes_the_portrait_moments_later(client: TestClient) -> None:
    does(client, "fay", "i1")
    assert kept(client, "fay", 1)["changes"] == []
    does(client, "fay", "i2", "i6", "i10")
    found = kept(client, "fay", 4)
    told = [(one["kind"], one["layer"], one["path"]) for one in found["changes"]]
    assert ("entered", "long", ["Kitchen"]) in told
    assert ("fell", "long", ["Space"]) in told
    assert time.time() - found["changes"][0]["time"] < 60


def test_a_portrait_is_stored_without_anybody_looking(client: TestClient, store: SqliteStateStore) -> None:
    does(client, "gil", "i3")
    for _ in range(200):
        if store.versions(["portrait:gil"]) != [0]:
            break
        time.sleep(0.01)
    assert store.versions(["portrait:gil"]) != [0], "two seconds, and nothing is stored"


def test_a_release_without_the_part_has_the_same_portraits(
    client: TestClient, tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore
) -> None:
    does(client, "u1", "i1")
    with TestClient(create_app(replace(tiny_release, portraits=None), log=log, store=store)) as older:
        assert portrait(older, "u1")["layers"] == portrait(client, "u1")["layers"]


def test_who_opted_out_has_no_stored_portrait(client: TestClient, store: SqliteStateStore) -> None:
    does(client, "hal", "i1")
    kept(client, "hal", 1)
    assert client.post("/v1/users/hal/consent", json={"personalised": False}).status_code == 200
    assert store.versions(["portrait:hal"]) == [0], "at once"
    does(client, "hal", "i2")
    time.sleep(1.0)
    assert store.versions(["portrait:hal"]) == [0], "and for good"
    assert portrait(client, "hal")["events"] == 2, "what is known is told all the same"


def test_names_below_what_is_left_out_are_gone_too() -> None:
    names = ("", "Home", "Books", "Kitchen", "Pans")
    tree = CategoryTree(names, np.array([0, 0, 0, 1, 3], np.int32), sparse.csr_matrix((1, 5), dtype=np.float32))
    assert names_below(tree, []) == set()
    assert names_below(tree, [["Home", "Kitchen"]]) == {"Kitchen", "Pans"}
    assert names_below(tree, [["Home"], ["Of old"]]) == {"Home", "Kitchen", "Pans", "Of old"}
