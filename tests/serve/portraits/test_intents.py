"""Intents on the page of a user: told with what they stand on, and not where a reviewer took that out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.users.intents import Intents
from tests.serve.portraits.test_page import does, kept, portrait


def planted(release: Release) -> Intents:
    """Who has anything of space wants a garden, three times as often."""
    assert release.intents is not None
    names = [release.intents.tree.names[one] for one in release.intents.kept]
    lift = np.zeros_like(release.intents.lift)
    lift[names.index("Space"), names.index("Garden")] = np.log(9.0)
    return replace(release.intents, lift=lift, common=np.full(len(names), 0.5, np.float32))


@pytest.fixture
def client(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> Iterator[TestClient]:
    release = replace(tiny_release, intents=planted(tiny_release))
    with TestClient(create_app(release, log=log, store=store), raise_server_exceptions=False) as client:
        yield client


def test_an_intent_is_told_with_what_it_stands_on(client: TestClient) -> None:
    does(client, "ann", "i1")
    (found,) = portrait(client, "ann")["intents"]
    assert found["path"] == ["Garden"]
    assert found["strength"] == pytest.approx(3.0, rel=1e-5)
    (source,) = found["because"]
    assert (source["item_id"], source["path"]) == ("i1", ["Space"])
    assert source["share"] == pytest.approx(1.0)
    assert source["title"]


def test_there_is_none_where_the_domain_is_known_or_nothing_says_so(client: TestClient) -> None:
    does(client, "ben", "i1", "i3")
    does(client, "cat", "i2")
    assert portrait(client, "ben")["intents"] == [], "i3 is of the garden"
    assert [one["path"] for one in portrait(client, "cat")["intents"]] == [["Garden"]], "i2 is of space, too"
    assert portrait(client, "nobody")["intents"] == []


def test_what_a_reviewer_took_out_is_no_evidence_either(client: TestClient) -> None:
    does(client, "dan", "i1")
    kept(client, "dan", 1)
    assert client.post("/v1/reviews", json={"user_id": "dan", "why": "too much"}).status_code == 200
    version = client.get("/v1/reviews/dan").json()["version"]
    decision = {"version": version, "decision": "accept", "reviewer": "ada", "left_out": [["Space"]]}
    assert client.post("/v1/reviews/dan", json=decision).status_code == 200
    found = portrait(client, "dan")
    assert (found["left_out"], found["intents"]) == ([["Space"]], [])


def test_a_release_without_the_part_has_the_same_intents(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    with TestClient(create_app(replace(tiny_release, intents=None), log=log, store=store)) as older:
        assert portrait(older, "u1")["intents"] == []
