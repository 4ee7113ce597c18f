"""The access log: a line a request, in which nobody can be found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant.core.errors import StorageError
from penchant.pipeline.release import Release
from penchant.serve.access_log import AccessLog
from penchant.serve.app import create_app
from penchant.serve.choices import Choices
from penchant.serve.keys import SCOPES, KeyFile
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore

FIELDS = ["time", "request_id", "method", "route", "status", "ms", "key", "user", "release"]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def served(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path) -> Iterator[tuple[TestClient, Path, str]]:
    secret = KeyFile(tmp_path / "keys.json").add("the-shop", list(SCOPES))
    settings = ServeSettings(keys=tmp_path / "keys.json", access_log=str(tmp_path / "logs" / "access.log"))
    app: FastAPI = create_app(tiny_release, log=log, store=store, settings=settings)

    @app.get("/v1/breaks")
    def breaks() -> None:
        raise RuntimeError("person-7 bought item-7")

    with TestClient(app, raise_server_exceptions=False, headers={"authorization": f"Bearer {secret}"}) as client:
        yield client, tmp_path / "logs" / "access.log", secret


def test_nothing_that_was_sent_is_ever_written(served: tuple[TestClient, Path, str], tiny_release: Release) -> None:
    client, path, secret = served
    private = ("person-7", "iz-private", "word-of-a-query", "title-looked-for", "request-of-person-7", secret, secret.split("_")[1])
    user, item, word, title, request_id = private[:5]
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/v1/recommend", {"user_id": user}),
        ("POST", "/v1/recommend", {"events": [{"item_id": item, "user_id": user}]}),
        ("POST", "/v1/search", {"query": word, "user_id": user}),
        ("POST", "/v1/events", {"events": [{"user_id": user, "item_id": item, "event": "view", "event_id": user}]}),
        ("POST", "/v1/events", {"events": [{"user_id": user, "item_id": "i1", "event": "view", "event_id": user}]}),
        ("GET", f"/v1/items/{item}", None),
        ("GET", f"/v1/users?search={title}", None),
        ("GET", f"/v1/users/{user}", None),
        ("GET", f"/v1/users/{user}/export", None),
        ("POST", f"/v1/users/{user}/consent", {"personalised": False}),
        ("GET", f"/v1/beam?user_id={user}", None),
        ("GET", f"/{user}/{word}", None),
        ("GET", f"/console/{user}.js", None),
        ("GET", f"/v1/receipts/{user}", None),
        ("DELETE", f"/v1/users/{user}", None),
        ("GET", "/v1/breaks", None),
        (user.upper(), "/v1/health", None),
    ]
    answers = [client.request(method, address, json=body, headers={"x-request-id": request_id}) for method, address, body in asked]
    client.get("/v1/health", headers={"authorization": f"Bearer {user}"})
    text = path.read_text(encoding="utf-8").lower()
    assert [one for one in private if one.lower() in text] == []
    found = lines(path)
    assert [list(line) for line in found] == [FIELDS] * (len(asked) + 1)
    assert [line["status"] for line in found[:-1]] == [answer.status_code for answer in answers]
    assert found[-3]["status"] == 500
    assert {line["key"] for line in found[:-2]} == {"the-shop", None}
    assert {line["release"] for line in found} == {tiny_release.id}
    assert all(line["ms"] > 0 for line in found)
    assert len({line["request_id"] for line in found[:-1]}) == 1, "a given id can be followed, by its hash"
    about = {place for place, line in enumerate(found) if line["user"] is not None}
    assert about == {0, 2, 7, 8, 9, 10, 14}
    assert len({found[place]["user"] for place in about}) == 1


def test_a_users_hash_is_that_of_their_choice(served: tuple[TestClient, Path, str], store: SqliteStateStore) -> None:
    client, path, _ = served
    client.get("/v1/users/u1")
    client.get("/v1/users/u2")
    choices = Choices(store)
    assert [line["user"] for line in lines(path)] == [choices.hashed("u1"), choices.hashed("u2")]


def test_a_file_that_is_moved_away_is_begun_anew(served: tuple[TestClient, Path, str]) -> None:
    client, path, _ = served
    client.get("/v1/health")
    path.rename(path.with_suffix(".1"))
    client.get("/v1/live")
    assert [line["route"] for line in lines(path)] == ["/v1/live"]


def test_what_cannot_be_written_or_hashed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="access log"):
        AccessLog(str(tmp_path / "file" / "log"), str)

    def fails(text: str) -> str:
        raise StorageError("store", "it is closed", "open it")

    AccessLog("-", fails).write(
        {"state": {"request_id": "x", "given_id": True}, "path_params": {"user_id": "ann"}},
        method="GET",
        route="/",
        status=200,
        seconds=0.1,
    )
    line = json.loads(capsys.readouterr().out)
    assert (line["request_id"], line["user"], line["ms"]) == (None, None, 100.0)


def test_live_and_ready_say_what_is_not(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> None:
    app = create_app(tiny_release, log=log, store=store, settings=ServeSettings(most_lag=1), follow=False)
    with TestClient(app, raise_server_exceptions=False) as client:

        def ready() -> tuple[int, Any]:
            answer = client.get("/v1/ready")
            return answer.status_code, answer.json() if answer.status_code == 200 else answer.json()["error"]["value"]

        assert ready() == (200, {"ready": True, "parts": ["event log", "state store"], "lag": 0})
        client.post("/v1/events", json={"events": [{"user_id": "u", "item_id": f"i{place}", "event": "view"} for place in (1, 2)]})
        assert ready() == (503, "not ready: near-line worker, 2 events behind")
        store.close()
        assert ready() == (503, "not ready: state store")
        log.close()
        assert ready() == (503, "not ready: event log, state store")
        assert client.get("/v1/live").json() == {"alive": True}


def test_a_server_without_a_store_is_ready(client: TestClient) -> None:
    assert client.get("/v1/ready").json() == {"ready": True, "parts": ["event log"], "lag": None}
