"""Answers are made again bit for bit, whatever happened since; and what another release or other rules would say is told with reasons."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import ArtifactError
from penchant.pipeline.release import KIND, load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.app import create_app
from penchant.serve.replays import replay
from penchant.serve.served import Served
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore

RULES = """rules:
  - rule: exclude
    where: {categories: [Space]}
  - rule: diversity
  - rule: spacing
    by: category
    window: 3
    most: 2
  - rule: explore
    chance: 0.5
    where: {events: {most: 100000}}
"""
DRAFT = {
    "name": "draft",
    "kind": "interleave",
    "users": "new",
    "arms": [{"name": "as-is", "share": 0.5}, {"name": "linear", "share": 0.5, "weights": {"tandem": 0.0, "ease": 3.0}}],
    "metrics": [{"name": "likes", "events": ["like"]}],
}


@pytest.fixture(scope="module")
def shelf(tiny_release_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Two releases, the first live: the second goes by what the linear model says alone."""
    folder = tmp_path_factory.mktemp("shelf")
    made = Shelf(folder / "shelf")
    made.promote(made.add(tiny_release_folder))
    settings = {**read_artifact(tiny_release_folder).manifest.settings, "dataset": "tiny linear", "generators": {"ease": 1.0}}
    with write_artifact(folder / "second", kind=KIND, settings=settings) as out:
        shutil.copytree(
            tiny_release_folder,
            out.path,
            dirs_exist_ok=True,
            ignore=lambda place, names: {"manifest.json"} & {*names} if Path(place) == tiny_release_folder else set(),
        )
    made.add(folder / "second")
    return made


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[SqliteServedLog]:
    with closing(SqliteServedLog(tmp_path / "served.sqlite")) as answers:
        yield answers


@pytest.fixture
def client(shelf: Shelf, log: SqliteEventLog, store: SqliteStateStore, answers: SqliteServedLog, tmp_path: Path) -> Iterator[TestClient]:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES, encoding="utf-8")
    settings = ServeSettings(rules=rules, batch_wait_ms=20.0)  # so that there are batches
    app = create_app(load_release(shelf.live_path()), log=log, store=store, served=answers, shelf=shelf, settings=settings)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json={"k": 10, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def again(client: TestClient, request_id: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/answers/{request_id}/replay", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def send(client: TestClient, user: str, item: str, event: str = "like") -> None:
    assert client.post("/v1/events", json={"events": [{"user_id": user, "item_id": item, "event": event}]}).status_code == 202


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["item_id"] for one in answer["items"]]


ASKED: list[dict[str, Any]] = [
    {"user_id": "u1"},
    {"user_id": "u2", "k": 3},
    {"user_id": "u3", "exclude_seen": False},
    {"user_id": "u4", "model": "tandem"},
    {"user_id": "u5", "model": "popularity"},
    {"user_id": "u6", "steer": {"weights": {"ease": 0.0}, "tastes": [{"categories": ["Space"], "strength": 1.0}]}},
    {"user_id": "u7", "steer": {"ignore": [{"older_than_days": 1}]}},
    {"user_id": "somebody new"},
    {"events": ["i3", "i9", "i20"]},
    {"user_id": "u8", "events": ["i3"]},
    {"user_id": "u9", "deadline_ms": 1.0},
    {},
]


def test_an_answer_is_made_again_bit_for_bit_whatever_happened_since(client: TestClient) -> None:
    for place in range(6):
        send(client, f"u{place + 1}", f"i{place + 30}")
        send(client, f"u{place + 1}", f"i{place + 50}", "hide")
    client.post("/v1/stock", json={"out": ["i1", "i2"]})
    assert client.post("/v1/experiments", json=DRAFT).status_code == 201
    with ThreadPoolExecutor(6) as pool:  # together, so that rows share batches
        answered = list(pool.map(lambda asked: ask(client, **asked), ASKED * 3))
    assert any(one["propensity"] < 1 for answer in answered for one in answer["items"]), "chance took part"
    kinds = {one["reason"]["kind"] for answer in answered for one in answer["items"]}
    assert {"event", "chance", "popular"} <= kinds
    assert any(one["reason"]["shared"] for answer in answered for one in answer["items"])
    assert any(answer["experiments"] == {"draft": "interleaved"} for answer in answered)
    for place in range(8):
        send(client, f"u{place + 1}", f"i{place + 10}")
    client.post("/v1/stock", json={"back": ["i1", "i2"], "out": ["i3"]})
    client.delete("/v1/experiments/draft")
    for answer in answered:
        told = again(client, answer["request_id"])
        assert ids(told) == ids(answer)
        assert [(one["score"], one["propensity"], one["sources"]) for one in told["items"]] == [
            (one["score"], one["propensity"], one["sources"]) for one in answer["items"]
        ]
        if "reasons" not in answer["parts"]["missing"]:
            assert [one["reason"] for one in told["items"]] == [one["reason"]["text"] for one in answer["items"]]
        assert (told["same"], told["shifts"], told["rung"]) == (True, [], answer["rung"])
        assert set(told["generators"].values()) <= {"the same", "the same but for rounding", "as recorded"}
        kept = client.get(f"/v1/answers/{answer['request_id']}").json()
        assert (kept["items"], kept["release"], kept["replayable"]) == (ids(answer), answer["release"], True)


def test_another_release_makes_another_list_and_says_why(client: TestClient, shelf: Shelf) -> None:
    second = next(one for one in shelf.releases() if not one.live)
    answer = ask(client, user_id="u1")
    told = again(client, answer["request_id"], release=second.name)
    assert (told["release"], told["same"]) == (second.manifest.id, False)
    assert told["generators"]["ease"] in ("the same", "the same but for rounding")
    before, after = ids(answer), ids(told)
    for shift in told["shifts"]:
        places = [found.index(shift["item_id"]) + 1 if shift["item_id"] in found else None for found in (before, after)]
        assert [shift["before"], shift["after"]] == places
    assert {one["item_id"] for one in told["shifts"]} == {
        item for pair in zip(before, after, strict=True) for item in pair if pair[0] != pair[1]
    }
    assert any("took no part in the second" in shift["why"] for shift in told["shifts"])
    client.post("/v1/releases/promote", json={"release": second.name})
    assert again(client, answer["request_id"])["same"], "the release of then need not be the one that is served"
    client.post("/v1/releases/rollback", json={})


def test_other_rules_make_another_list_and_say_why(client: TestClient, tmp_path: Path) -> None:
    answer = ask(client, user_id="u1", model=None)
    first = ids(answer)[0]
    policy = client.app.state.current.service.recommender  # type: ignore[attr-defined]
    rules = type(policy.policy.rules).model_validate({"rules": [{"rule": "exclude", "where": {"items": [first]}}]})
    policy.use(rules)
    told = again(client, answer["request_id"], rules="now")
    assert first not in ids(told)
    assert told["rules"] == rules.version != answer["rules"]
    (shift,) = [one for one in told["shifts"] if one["item_id"] == first]
    assert (shift["before"], shift["after"]) == (1, None)
    assert "must not be shown in the second" in shift["why"]
    assert again(client, answer["request_id"])["same"], "by the rules of then nothing changed"


def test_what_cannot_be_made_again_says_so(client: TestClient, answers: SqliteServedLog, shelf: Shelf) -> None:
    assert client.post("/v1/answers/nothing/replay", json={}).status_code == 404
    assert client.get("/v1/answers/nothing").status_code == 404
    answer = ask(client, user_id="u1")
    assert client.post(f"/v1/answers/{answer['request_id']}/replay", json={"release": "no such"}).status_code == 422
    answers.append(Served("bare", 1.0, None, answer["release"], "dense", (), (), {}, 1.0, {}))
    refused = client.post("/v1/answers/bare/replay", json={})
    assert (refused.status_code, refused.json()["error"]["rule"]) == (422, "it was kept without what made it")
    assert client.get("/v1/answers/bare").json()["replayable"] is False
    answers.append(Served("old", 1.0, None, "0" * 64, "dense", (), (), {}, 1.0, {"given": {}}))
    assert client.post("/v1/answers/old/replay", json={}).status_code == 422
    answers.append(Served("damaged", 1.0, None, answer["release"], "dense", (), (), {}, 1.0, {"given": {"history": 3}, "ways": []}))
    answers.flush()
    damaged = answers.get("damaged")
    assert damaged is not None
    with pytest.raises(ArtifactError, match="its record is damaged"):
        replay(answers, damaged, load_release(shelf.live_path()))
    assert client.post("/v1/answers/damaged/replay", json={}).status_code == 503


def test_with_a_forgotten_user_their_answers_are_gone(client: TestClient) -> None:
    answer = ask(client, user_id="u1")
    client.delete("/v1/users/u1")
    assert client.post(f"/v1/answers/{answer['request_id']}/replay", json={}).status_code == 404


def test_a_record_is_small(client: TestClient, answers: SqliteServedLog) -> None:
    """Of a known user's history only what the release does not have is kept, and rules once for all answers."""
    for _ in range(20):
        ask(client, user_id="u1")
    answers.flush()
    rows = answers.file.ask("SELECT length(answer) FROM served")
    assert len(answers.file.ask("SELECT name FROM kept")) == 1
    assert max(size for (size,) in rows) < 6_000


def test_what_was_known_of_items_then_counts(client: TestClient, answers: SqliteServedLog, tmp_path: Path) -> None:
    """Thompson's chances follow what came of items; a list that was made before something came of them does not change by it."""
    service = client.app.state.current.service  # type: ignore[attr-defined]
    rules = {"rules": [{"rule": "explore", "method": "thompson", "chance": 1.0, "prior": [1, 1], "where": {"events": {"most": 100_000}}}]}
    service.recommender.use(type(service.recommender.policy.rules).model_validate(rules))
    tallies = service.backend.tallies
    tallies.window, tallies._clock = 0.0, lambda: time.time() + 60
    before = ask(client, user_id="u1")
    for user in ("u2", "u3", "u4"):
        ask(client, user_id=user)
    answers.flush()
    assert tallies.look() == 4
    after = ask(client, user_id="u1", k=10)
    assert {one["propensity"] for one in before["items"]} != {one["propensity"] for one in after["items"]}
    for answer in (before, after):
        assert again(client, answer["request_id"])["same"]
