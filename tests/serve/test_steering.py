"""Steering over HTTP: exactly the list of the edited history, until it is taken back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.core.errors import ArtifactError, InputError, StorageError, UnknownIdError
from penchant.pipeline.release import Release
from penchant.pipeline.steering import Ignored, Steering
from penchant.serve.app import create_app
from penchant.serve.directives import MOST, Directives, steering_key, together
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write

DAY = 86_400


@pytest.fixture
def served(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> Iterator[TestClient]:
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False), raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def shown(answer: dict[str, Any]) -> list[tuple[str, float, str]]:
    return [(item["item_id"], item["score"], item["reason"]["text"]) for item in answer["items"]]


def past(now: int) -> list[dict[str, Any]]:
    days = [("i1", 40), ("i5", 9), ("i30", 3), ("i31", 3), ("i9", 2), ("i13", 0)]
    return [{"item_id": item, "event": "purchase", "timestamp": now - days_ago * DAY} for item, days_ago in days]


@pytest.mark.parametrize(
    ("directive", "left"),
    [
        ({"days_ago": 3}, ["i1", "i5", "i9", "i13"]),
        ({"older_than_days": 5}, ["i30", "i31", "i9", "i13"]),
        ({"since": -10 * DAY, "until": -DAY}, ["i1", "i13"]),
    ],
)
def test_what_is_ignored_is_as_if_it_had_never_been_done(served: TestClient, directive: dict[str, int], left: list[str]) -> None:
    now = int(time.time())
    directive = {name: now + value if name in ("since", "until") else value for name, value in directive.items()}
    events = past(now)
    edited = ask(served, events=[event for event in events if event["item_id"] in left])
    steered = ask(served, events=events, steer={"ignore": [directive]})
    assert shown(steered) == shown(edited)
    assert (steered["history_length"], steered["ignored_events"]) == (len(left), 6 - len(left))
    gone = {event["item_id"] for event in events} - set(left)
    assert not gone & {cause["item_id"] for item in steered["items"] for cause in item["reason"]["because"]}


@pytest.mark.parametrize("offset", [0, 2, -720])
def test_a_day_is_that_of_the_users_clock(served: TestClient, offset: int) -> None:
    now = int(time.time())
    midnight = now - now % DAY
    events = [{"item_id": item, "timestamp": midnight - ago} for item, ago in (("i1", 60), ("i5", DAY // 2 + 60), ("i9", DAY + 60))]
    day = Ignored.day(1, now, offset_minutes=offset)
    kept = [event for event in events if not (day.since or 0) <= event["timestamp"] < (day.until or 0)]  # type: ignore[operator]
    steered = ask(served, events=events, steer={"ignore": [{"days_ago": 1, "utc_offset_minutes": offset}]})
    assert shown(steered) == shown(ask(served, events=kept))
    assert steered["ignored_events"] == len(events) - len(kept) > 0


def test_events_without_times_cannot_be_ignored_by_time(served: TestClient) -> None:
    answer = served.post("/v1/recommend", json={"events": ["i1"], "steer": {"ignore": [{"days_ago": 1}]}})
    assert answer.status_code == 422 and "have no times" in answer.json()["error"]["rule"]


def test_more_and_less_of_this(served: TestClient) -> None:
    def share(strength: float, **what: list[str]) -> int:
        answer = ask(served, user_id="u1", k=12, steer={"tastes": [{**what, "strength": strength}]})
        return sum("Harbour" in item["categories"] for item in answer["items"])

    plain = sum("Harbour" in item["categories"] for item in ask(served, user_id="u1", k=12)["items"])
    assert share(-1, categories=["Harbour"]) <= plain < share(1, categories=["Harbour"])
    assert share(0, categories=["Harbour"]) == plain
    assert share(1, items=["i4"]) > plain, "a harbour tale: what is like it rises"


def test_weights_are_of_this_list_alone(served: TestClient) -> None:
    answer = ask(served, user_id="u1", steer={"weights": {"tandem": 0, "content": 0}})
    assert "ease" in answer["parts"]["used"] and not {"tandem", "content"} & set(answer["parts"]["used"])
    assert "tandem" in ask(served, user_id="u1")["parts"]["used"]


def test_what_holds_for_a_user_is_taken_back_one_by_one_or_at_once(served: TestClient) -> None:
    address = "/v1/users/u1/steering"
    before = ask(served, user_id="u1")
    first = served.post(address, json={"steer": {"tastes": [{"categories": ["Garden"], "strength": 1}]}}).json()
    second = served.post(address, json={"steer": {"ignore": [{"since": 0, "until": 1_600_050_000}]}, "ttl_seconds": 60}).json()
    assert [len(answer["steering"]) for answer in (first, second)] == [1, 2]
    told = served.get("/v1/users/u1").json()["steering"]
    assert told == second["steering"] and told[1]["ends"] - told[1]["said"] == 60
    both = ask(served, user_id="u1")
    assert both["ignored_events"] > 0 and shown(both) != shown(before)
    assert shown(ask(served, user_id="u2")) == shown(ask(served, user_id="u2", steer={})), "it is nobody else's"
    left = served.delete(address, params={"directive": told[1]["id"]}).json()
    assert [one["id"] for one in left["steering"]] == [told[0]["id"]]
    assert ask(served, user_id="u1")["ignored_events"] == 0
    assert served.delete(address).json() == {"user_id": "u1", "steering": []}
    assert shown(ask(served, user_id="u1")) == shown(before), "undone: the list of before"
    assert served.delete(address).status_code == 200, "there is nothing to take back"
    assert served.delete(address, params={"directive": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("steer", "status", "value"),
    [
        ({"tastes": [{"items": ["i999"], "strength": 1}]}, 404, "items: i999"),
        ({"tastes": [{"categories": ["Nothing"], "strength": 1}]}, 404, "categories: Nothing"),
        ({"tastes": [{"items": ["i1"], "strength": 2}]}, 422, "steer.tastes.0.strength=2"),
        ({"weights": {"nobody": 1.0}}, 422, "weights of ['nobody']"),
        ({"weights": {"ease": -1.0}}, 422, "steer.weights.ease=-1.0"),
        ({"ignore": [{"days_ago": -1}]}, 422, "steer.ignore.0.days_ago=-1"),
        ({"ignore": [{}]}, 422, "steer.ignore.0.since is missing"),
        ({"ignore": [3]}, 422, "steer.ignore.0=3"),
        ({"ignore": [{"days_ago": 1, "older_than_days": 2}]}, 422, "steer.ignore.0.older_than_days=2"),
        ({"less": []}, 422, "steer.less=[]"),
    ],
)
def test_bad_steering_is_refused_before_anything_is_kept(served: TestClient, steer: dict[str, Any], status: int, value: str) -> None:
    for answer in (served.post("/v1/recommend", json={"steer": steer}), served.post("/v1/users/u1/steering", json={"steer": steer})):
        assert answer.status_code == status
        assert answer.json()["error"]["value"] == value
    assert served.get("/v1/users/u1").json()["steering"] == []


def test_without_a_store_nothing_is_kept_but_one_list_is_steered(client: TestClient) -> None:
    for answer in (client.post("/v1/users/u1/steering", json={"steer": {}}), client.delete("/v1/users/u1/steering")):
        assert answer.status_code == 503
    assert ask(client, user_id="u1", steer={"weights": {"ease": 0}})["items"]


def test_what_is_damaged_costs_the_steering_not_the_list(served: TestClient, store: SqliteStateStore) -> None:
    store.put({steering_key("u1"): Write(b"[{]")})
    answer = ask(served, user_id="u1")
    assert answer["parts"]["missing"] == ["steering"] and answer["items"]
    assert served.get("/v1/users/u1").json()["steering"] == []
    with pytest.raises(ArtifactError, match="take them all back"):
        Directives(store).of("u1", 0)


def test_all_can_be_taken_back_even_when_damaged(served: TestClient, store: SqliteStateStore) -> None:
    store.put({steering_key("u1"): Write(b"[{]")})
    assert served.delete("/v1/users/u1/steering").status_code == 200
    assert store.get([steering_key("u1")]) == [None]


def test_directives_end_and_are_not_too_many(tmp_path: Path) -> None:
    clock = [1_000.0]
    store = SqliteStateStore(tmp_path / "s.sqlite", clock=lambda: clock[0])
    mine, steering = Directives(store), Steering(weights={"ease": 2.0})
    mine.add("ann", steering, 1_000, 50)
    assert [one.ends for one in mine.add("ann", steering, 1_010, 20)] == [1_050, 1_030]
    assert together(mine.of("ann", 1_029)).weights == {"ease": 4.0}
    assert [one.ends for one in mine.of("ann", 1_030)] == [1_050]
    clock[0] = 1_051.0
    assert store.get([steering_key("ann")]) == [None], "the store lets go of it by itself"
    for _ in range(MOST):
        mine.add("ben", steering, 1_060, 50)
    with pytest.raises(InputError, match="at most 50 hold at a time"):
        mine.add("ben", steering, 1_060, 50)
    with pytest.raises(UnknownIdError):
        mine.undo("ben", "no such", 1_060)
    store.close()
    with pytest.raises(StorageError):
        mine.of("ben", 1_060)
