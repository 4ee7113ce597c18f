"""Lists of people who are in an experiment, through the service as a whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.experiments.assignment import BOTH, arm_of
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.shadow import Shadows, correlation, overlap
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore

CLICKS = {"name": "clicks", "events": ["click"], "window_seconds": 1}
BASE = {
    "name": "popular",
    "arms": [{"name": "as-is", "share": 0.5}, {"name": "popular", "share": 0.5, "model": "popularity"}],
    "metrics": [CLICKS],
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[SqliteServedLog]:
    with closing(SqliteServedLog(tmp_path / "served.sqlite")) as served:
        yield served


@pytest.fixture
def app(tiny_release: Release, tmp_path: Path, served: SqliteServedLog) -> Iterator[FastAPI]:
    with closing(SqliteEventLog(tmp_path / "events.sqlite")) as log, closing(SqliteStateStore(tmp_path / "state.sqlite")) as store:
        app = create_app(tiny_release, log=log, store=store, served=served)
        app.state.current.service.backend.experiments.settle_seconds = 0
        yield app


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def recommend(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json={"k": 6, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def start(client: TestClient, **change: Any) -> Experiment:
    answer = client.post("/v1/experiments", json={**BASE, **change})
    assert answer.status_code == 201, answer.text
    return Experiment.model_validate(answer.json()["experiment"])


def test_each_arm_has_its_lists_and_the_answer_says_so(client: TestClient, served: SqliteServedLog) -> None:
    usual = {user: ids(recommend(client, user_id=user)) for user in ("u1", "u2", "u3", "u4", "u5", "u6")}
    popular = {user: ids(recommend(client, user_id=user, model="popularity")) for user in usual}
    tried = start(client)
    arms = set()
    for user in usual:
        answer = recommend(client, user_id=user)
        arm = arm_of(tried, user).name
        arms.add(arm)
        assert answer["experiments"] == {"popular": arm}
        assert ids(answer) == (popular if arm == "popular" else usual)[user]
        served.flush()
        kept = served.get(answer["request_id"])
        assert kept is not None
        assert (kept.arms, kept.items) == ({"popular": arm}, tuple(ids(answer)))
    assert arms == {"as-is", "popular"}
    assert "trending" in client.get("/v1/experiments").json()["generators"]
    assert client.delete("/v1/experiments/popular").json()["state"] == "ended"
    assert recommend(client, user_id="u1")["experiments"] == {}


def test_nobody_in_particular_and_who_asks_for_a_model_are_in_none(client: TestClient) -> None:
    start(client)
    for asked in ({}, {"events": ["i1"]}, {"user_id": "u1", "model": "ease"}):
        assert recommend(client, **asked)["experiments"] == {}
    assert recommend(client, user_id="a stranger")["experiments"] != {}


def test_weights_shape_the_list(client: TestClient) -> None:
    usual = recommend(client, user_id="u1")
    arms = [{"name": "all", "share": 1.0, "weights": {"tandem": 0.0, "content": 0.0}}, {"name": "s", "share": 1.0, "shadow": True}]
    start(client, arms=arms)
    assert set(usual["parts"]["used"]) - set(recommend(client, user_id="u1")["parts"]["used"]) == {"tandem", "content"}


def test_two_arms_in_one_list_and_the_same_request_gives_the_same(client: TestClient, served: SqliteServedLog) -> None:
    lists = [ids(recommend(client, user_id="u1", **more)) for more in ({}, {"model": "popularity"})]
    start(client, kind="interleave")
    first, again = (client.post("/v1/recommend", json={"user_id": "u1", "k": 6}, headers={"x-request-id": "same"}).json() for _ in range(2))
    assert first["experiments"] == {"popular": BOTH}
    assert ids(first) == ids(again)
    assert [item["rank"] for item in first["items"]] == [1, 2, 3, 4, 5, 6]
    served.flush()
    kept = served.get("same")
    assert kept is not None
    teams = kept.replay["teams"]["popular"]
    assert teams.count("as-is") == teams.count("popular") == 3
    for arm, items in zip(("as-is", "popular"), lists, strict=True):
        mine = [item for item, team in zip(ids(first), teams, strict=True) if team == arm]
        assert mine == sorted(mine, key=items.index)


def test_a_shadow_is_made_and_never_shown(client: TestClient, app: FastAPI) -> None:
    usual = ids(recommend(client, user_id="u1"))
    arms = [{"name": "as-is", "share": 1.0}, {"name": "popular", "share": 1.0, "model": "popularity", "shadow": True}]
    start(client, arms=arms)
    assert ids(recommend(client, user_id="u1")) == usual
    for _ in range(100):
        (shadow,) = client.get("/v1/experiments/popular").json()["shadows"]
        if shadow["lists"]:
            break
        time.sleep(0.02)
    assert (shadow["lists"], shadow["dropped"], shadow["failed"]) == (1, 0, 0)
    assert 0 <= shadow["overlap"] < 1
    assert shadow["milliseconds"] > 0


def test_the_whole_way_from_start_to_result(client: TestClient) -> None:
    tried = start(client)
    for number in range(60):
        user = f"visitor {number}"
        first = ids(recommend(client, user_id=user, k=3))[0]
        if arm_of(tried, user).name == "popular":
            client.post("/v1/events", json={"events": [{"user_id": user, "item_id": first, "event": "click"}]})
    time.sleep(1.1)
    found = client.get("/v1/experiments/popular").json()
    assert sum(arm["counted"] for arm in found["arms"]) == 60
    assert {arm["name"]: arm["metrics"]["clicks"] for arm in found["arms"]} == {"as-is": 0.0, "popular": 1.0}
    assert found["verdict"] == "better"
    assert [one["name"] for one in client.get("/v1/experiments").json()["experiments"]] == ["popular"]


def test_a_broken_guardrail_ends_it(client: TestClient, app: FastAPI) -> None:
    hides = {"name": "hides", "events": ["hide"], "window_seconds": 1, "better": "lower"}
    tried = start(client, metrics=[CLICKS, hides], guardrails=[{"metric": "hides", "margin": 0.05}])
    hub, state = app.state.current.service.backend.experiments, app.state.current.service.state
    assert hub.guard(state) == []
    for number in range(80):
        user = f"visitor {number}"
        first = ids(recommend(client, user_id=user, k=3))[0]
        if arm_of(tried, user).name == "popular":
            client.post("/v1/events", json={"events": [{"user_id": user, "item_id": first, "event": "hide"}]})
    time.sleep(1.1)
    assert hub.guard(state) == ["popular"]
    ended = client.get("/v1/experiments/popular").json()
    assert ended["experiment"]["state"] == "ended"
    assert ended["experiment"]["why"] == "stopped by guardrail: hides is worse than the margin of 0.05 in 'popular'"
    assert recommend(client, user_id="u1")["experiments"] == {}


def test_refusals(client: TestClient, tiny_release: Release, tmp_path: Path) -> None:
    unknown = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "weights": {"nothing": 2}}]
    idle = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "weights": {"sasrec": 2.0}}]
    for body, status, told in (
        ({**BASE, "arms": unknown}, 422, "name generators that exist"),
        ({**BASE, "arms": idle}, 422, "weights of ['sasrec']: the merged generators are"),
        ({**BASE, "arms": BASE["arms"][:1]}, 422, "pass at least 2"),
        ({**BASE, "arms": [{"name": "a", "share": 0.2}, {"name": "b", "share": 0.2}]}, 422, "must sum to 1"),
        ({**BASE, "extra": 1}, 422, "leave it out"),
    ):
        answer = client.post("/v1/experiments", json=body)
        assert answer.status_code == status, answer.text
        assert told in "{value}: {rule}; {remedy}".format(**answer.json()["error"])
    assert client.get("/v1/experiments/none").status_code == 404
    assert client.delete("/v1/experiments/none").status_code == 404
    with closing(SqliteEventLog(tmp_path / "bare.sqlite")) as log, TestClient(create_app(tiny_release, log=log)) as bare:
        assert bare.get("/v1/experiments").status_code == 503
        assert recommend(bare, user_id="u1")["experiments"] == {}


def test_shadows_are_dropped_where_too_many_wait() -> None:
    gate, shadows = threading.Event(), Shadows(most=2)

    def slow() -> list[int]:
        gate.wait(10)
        return [1, 2, 3]

    taken = [shadows.offer("e", "a", slow, [1, 3, 4]) for _ in range(6)]
    assert taken.count(True) in (2, 3) and taken.count(False) in (3, 4)
    gate.set()
    shadows.offer("e", "b", lambda: [1] * (1 // 0), [1])
    shadows.close()
    told = {one.arm: one for one in shadows.of("e")}
    assert told["a"].lists == taken.count(True)
    assert told["a"].dropped >= taken.count(False)
    assert told["a"].overlap == pytest.approx(2 / 3)
    assert shadows.of("another") == []


def test_overlap_and_correlation() -> None:
    assert (overlap([1, 2, 3], [3, 4]), overlap([], [])) == (pytest.approx(1 / 3), 1.0)
    assert (correlation([1, 2, 3], [1, 2, 3]), correlation([1, 2, 3], [3, 2, 1]), correlation([1, 2], [2, 5])) == (1.0, -1.0, None)
