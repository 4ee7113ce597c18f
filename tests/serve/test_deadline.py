"""A server whose models hang, are slow or fail: it answers in time, and says what is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.pipeline.lane import Generator
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog


class Held:
    """A generator that can be held up."""

    def __init__(self, inner: Generator, num_items: int) -> None:
        self.inner, self.num_items, self.go = inner, num_items, threading.Event()
        self.go.set()

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        assert self.go.wait(30)
        return self.inner.recommend(histories, k, exclude=exclude)


@contextmanager
def with_held(release: Release, folder: Path, settings: ServeSettings | None = None) -> Iterator[tuple[TestClient, Held]]:
    """A client of a server whose Tandem can be held up."""
    held = Held(release.models["tandem"], len(release.space.catalog))
    log = SqliteEventLog(folder / "events.sqlite")
    slow = replace(release, models={**release.models, "tandem": held})  # type: ignore[dict-item]
    with TestClient(create_app(slow, log=log, settings=settings)) as client:
        yield client, held
    held.go.set()
    log.close()


@pytest.fixture
def both(tiny_release: Release, tmp_path: Path) -> Iterator[tuple[TestClient, Held]]:
    with with_held(tiny_release, tmp_path) as found:
        yield found


@pytest.fixture
def client(both: tuple[TestClient, Held]) -> TestClient:
    return both[0]


@pytest.fixture
def held(both: tuple[TestClient, Held]) -> Held:
    return both[1]


def ask(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json={"user_id": "u1", "k": 5, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_model_that_hangs_costs_its_candidates_and_then_rests(client: TestClient, held: Held) -> None:
    assert ask(client, deadline_ms=20_000)["parts"]["missing"] == []
    held.go.clear()
    started = time.perf_counter()
    answers = [ask(client, deadline_ms=300, trace=True) for _ in range(6)]
    assert time.perf_counter() - started < 20
    assert all(len(answer["items"]) == 5 for answer in answers)
    assert {answer["trace"]["generators"]["tandem"]["missing"] for answer in answers[:5]} == {"late"}
    assert answers[5]["trace"]["generators"]["tandem"]["missing"] == "resting or too busy", "five in a row were late"
    assert "tandem" in answers[5]["parts"]["missing"]
    assert {"ease", "content"} <= set(answers[5]["parts"]["used"])
    assert 'penchant_parts_missing_total{part="tandem"} 6.0' in client.get("/metrics").text


def test_a_slow_model_sends_requests_down_the_ladder(client: TestClient, held: Held) -> None:
    lanes = client.app.state.current.service.calls.lanes  # type: ignore[attr-defined]
    assert ask(client, deadline_ms=20_000)["rung"] == "generative"
    for _ in range(10):
        lanes["tandem"].pace.took(30.0)
    answer = ask(client, deadline_ms=20_000)
    assert answer["rung"] == "dense"
    assert "tandem-dense" in answer["parts"]["used"]
    for _ in range(10):
        lanes["ease"].pace.took(30.0)
    assert ask(client, deadline_ms=20_000)["rung"] == "co-view"
    for _ in range(10):
        lanes["item-knn"].pace.took(30.0)
    answer = ask(client, deadline_ms=20_000)
    assert (answer["rung"], answer["parts"]["used"], len(answer["items"])) == ("popularity", ["popularity"], 5)
    assert 'penchant_lists_total{rung="co-view"} 1.0' in client.get("/metrics").text


def test_no_time_at_all_still_gives_a_list(client: TestClient, held: Held) -> None:
    held.go.clear()
    answer = ask(client, deadline_ms=1)
    assert len(answer["items"]) == 5
    assert answer["rung"] in {"generative", "popularity"}


def test_a_trace_tells_how_the_list_came_about(client: TestClient) -> None:
    assert ask(client)["trace"] is None
    answer = ask(client, trace=True)
    told = answer["trace"]
    assert set(told["generators"]) == {"tandem", "ease", "content"}
    merged = [one["item_id"] for one in told["merged"]]
    assert {one["item_id"] for one in answer["items"]} <= set(merged)
    for item in answer["items"]:
        for source in item["sources"]:
            assert item["item_id"] in [one["item_id"] for one in told["generators"][source]["candidates"]]
    for stage in told["generators"].values():
        scores = [one["score"] for one in stage["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert stage["milliseconds"] > 0
        assert stage["missing"] is None
    one = ask(client, trace=True, model="ease")
    assert (one["rung"], one["trace"]["merged"], set(one["trace"]["generators"])) == ("ease", [], {"ease"})


def test_beyond_its_processor_time_what_is_dear_is_left_out_where_there_is_a_deadline(tiny_release: Release, tmp_path: Path) -> None:
    with with_held(tiny_release, tmp_path, ServeSettings(dear_cores=0.0)) as (client, _):
        answers = [ask(client, deadline_ms=5_000) for _ in range(3)]
        assert all(answer["rung"] not in ("generative", "dense") and "reasons" in answer["parts"]["missing"] for answer in answers)
        assert all(len(answer["items"]) == 5 for answer in answers)
        patient = ask(client)
        assert (patient["rung"], patient["parts"]["missing"]) == ("generative", [])
