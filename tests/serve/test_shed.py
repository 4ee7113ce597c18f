"""More requests than a server lets in: the others are answered, and those turned away are told when to come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from tests.serve.test_deadline import Held


@pytest.fixture
def held(tiny_release: Release) -> Held:
    return Held(tiny_release.models["tandem"], len(tiny_release.space.catalog))


@pytest.fixture
def client(tiny_release: Release, held: Held, tmp_path: Path) -> Iterator[TestClient]:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    release = replace(tiny_release, models={**tiny_release.models, "tandem": held})  # type: ignore[dict-item]
    with TestClient(create_app(release, log=log, settings=ServeSettings(most_running=2))) as client:
        yield client
    held.go.set()
    log.close()


def test_too_many_are_turned_away_and_the_others_answered(client: TestClient, held: Held) -> None:
    held.go.clear()
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.post("/v1/recommend", json={"user_id": "u1", "k": 3}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(500):
        if "penchant_requests_running 3.0" in client.get("/metrics").text:  # these two, and the one that asks
            break
        time.sleep(0.01)
    refused = client.post("/v1/recommend", json={"user_id": "u1", "k": 3})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"] == {
        "value": "2 requests under way",
        "rule": "this server answers 2 at a time",
        "remedy": "try again in a second",
    }
    assert client.get("/v1/health").status_code == 200, "whoever watches gets through"
    assert "penchant_requests_shed_total 1.0" in client.get("/metrics").text
    held.go.set()
    for thread in threads:
        thread.join(20)
    assert statuses == [200, 200]
    assert client.post("/v1/recommend", json={"user_id": "u1", "k": 3}).status_code == 200
