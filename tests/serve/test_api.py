"""Every route as its users see it."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant import __version__
from penchant.pipeline.changes import without_items
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.requests import RecommendIn
from penchant.serve.routes.recommend import wanted
from penchant.serve.sqlite_log import SqliteEventLog

Do = Callable[..., dict[str, Any]]
CARD = {"item_id", "title", "categories", "brand", "year", "description", "codes", "tier"}


def recommend(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_recommend_for_a_known_user(client: TestClient, tiny_release: Release) -> None:
    answer = recommend(client, user_id="u1", k=7)
    assert (answer["release"], answer["user_id"]) == (tiny_release.id, "u1")
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3, 4, 5, 6, 7]
    seen = {did["item_id"] for did in client.get("/v1/users/u1").json()["history"]}
    assert answer["history_length"] >= len(seen) > 0
    assert not seen & set(ids(answer))
    assert set(answer["parts"]["used"]) == {"tandem", "ease", "content"}
    assert answer["parts"]["missing"] == []
    assert (answer["rules"], answer["ignored_events"]) == (tiny_release.recommender().policy.version, 0)
    spent = answer["milliseconds"]
    assert {"history", "generate", "reasons", "cards"} < set(spent)
    assert sum(spent.values()) - spent["total"] <= spent["total"] * 1.01
    for item in answer["items"]:
        assert set(item) > CARD
        assert set(item["sources"]) <= set(answer["parts"]["used"])
        assert {cause["item_id"] for cause in item["reason"]["because"]} <= seen
        assert item["reason"]["text"]
        assert (item["propensity"], item["labels"]) == (1.0, [])
    assert any(item["reason"]["because"] for item in answer["items"])


def test_the_same_list_as_the_library_gives(client: TestClient, tiny_release: Release) -> None:
    recommender = tiny_release.recommender()
    events = [{"item_id": "i1", "timestamp": 50}, {"item_id": "i9", "event": "like", "timestamp": 40}, {"item_id": "i22", "timestamp": 60}]
    for history in (events, ["i1", "i9", "i22"], []):
        for model in (None, *tiny_release.models):
            mine = recommender.recommend(history, k=10, model=model)
            answer = recommend(client, events=history, k=10, model=model)
            assert ids(answer) == [one.item_id for one in mine.suggestions]
            assert [item["score"] for item in answer["items"]] == pytest.approx([one.score for one in mine.suggestions])
            assert [item["reason"]["text"] for item in answer["items"]] == [one.reason.text for one in mine.suggestions]


def test_reasons_tell_what_is_shared_and_counted(client: TestClient, tiny_release: Release) -> None:
    catalog = tiny_release.space.catalog
    genres = dict(zip(catalog.items.ids, catalog.readable_categories().to_list(), strict=True))
    kinds = set()
    for user in range(1, 11):
        did = [one["item_id"] for one in client.get(f"/v1/users/u{user}").json()["history"]]
        for item in recommend(client, user_id=f"u{user}", k=20)["items"]:
            why = item["reason"]
            kinds.add(why["kind"])
            assert bool(why["because"]) == (why["kind"] == "event")
            for (name,) in why["shared"]:
                assert f"{'both' if len(why['because']) == 1 else 'all'} " in why["text"]
                assert name in why["text"]
                assert all(name in genres[one["item_id"]] for one in (item, *why["because"]))
            if why["interest"] is None:
                assert why["kind"] != "interest"
                continue
            (name,) = why["interest"]["path"]
            within = [one for one in did if name in genres[one]]
            assert (why["interest"]["events"], why["interest"]["of"]) == (len(within), len(did))
            assert [one["item_id"] for one in why["interest"]["evidence"]] == list(dict.fromkeys(within))[:3]
            assert name in genres[item["item_id"]]
            assert why["text"] == f"Fits your interest in {name}: {len(within)} of your {len(did)} events are in {name}"
    assert {"event", "interest"} <= kinds
    nobody = recommend(client)["items"][0]["reason"]
    assert nobody == {"text": "Popular with everybody", "because": [], "kind": "popular", "shared": [], "interest": None}


def test_no_reason_names_what_less_is_wanted_of(client: TestClient) -> None:
    def named(**steer: Any) -> set[str]:
        found = [one["reason"] for user in range(1, 11) for one in recommend(client, user_id=f"u{user}", k=20, **steer)["items"]]
        return {path[-1] for why in found for path in (*why["shared"], *([] if why["interest"] is None else [why["interest"]["path"]]))}

    assert {"Space", "Kitchen"} <= named()
    less = {"tastes": [{"categories": ["Space"], "strength": -0.1}]}
    assert "Space" not in named(steer=less)
    assert "Kitchen" in named(steer=less)


def test_nobody_and_strangers_get_what_is_popular(client: TestClient, tiny_release: Release) -> None:
    popular = ids(recommend(client))
    assert len(popular) == 20
    events = tiny_release.space.events[tiny_release.space.catalog.items.encode(popular)]
    assert np.sort(events)[0] >= np.sort(tiny_release.space.events)[-30]
    assert ids(recommend(client, user_id="stranger")) == ids(recommend(client, events=[])) == popular


def test_seen_items_may_be_kept(client: TestClient) -> None:
    everything = recommend(client, user_id="u1", k=60, model="ease", exclude_seen=False)
    assert len(everything["items"]) == 60
    left = recommend(client, user_id="u1", k=60, model="ease")
    assert len(left["items"]) == 60 - len(set(ids(everything)) - set(ids(left)))
    assert len(left["items"]) < 60


def test_only_a_length_that_was_asked_for_can_exceed_the_catalogue(client: TestClient) -> None:
    assert wanted(RecommendIn(), 7) == 7
    assert wanted(RecommendIn(), 60) == 20
    assert wanted(RecommendIn(k=20), 7) == 20
    refused = client.post("/v1/recommend", json={"k": 61})
    assert refused.status_code == 422
    assert refused.json()["error"]["value"] == "k=61"
    assert "60" in refused.json()["error"]["rule"]


def test_a_like_changes_the_next_list_and_undo_restores_it(client: TestClient, do: Do) -> None:
    for user in ("u1", "visitor"):
        before = recommend(client, user_id=user)
        assert do(user, "like", "i30")["accepted"] == 1
        after = recommend(client, user_id=user)
        assert ids(after) != ids(before)
        assert "i30" not in ids(after)
        assert after["history_length"] == before["history_length"] + 1
        past = client.get(f"/v1/users/{user}").json()
        assert past["liked"] == ["i30"]
        assert past["history"][0]["item_id"] == "i30"
        assert past["history"][0]["event"] == "like"
        assert past["history"][0]["live"] is True
        do(user, "undo", "i30")
        assert ids(recommend(client, user_id=user)) == ids(before)
        assert client.get(f"/v1/users/{user}").json()["liked"] == []


def test_hide_removes_at_once_from_every_list_and_undo_brings_back(client: TestClient, do: Do, tiny_release: Release) -> None:
    before = ids(recommend(client, user_id="u2"))
    gone = before[0]
    do("u2", "hide", gone)
    for model in (None, *tiny_release.models):
        assert gone not in ids(recommend(client, user_id="u2", model=model, k=40))
    title = client.get(f"/v1/items/{gone}").json()["title"]
    assert gone in ids(client.post("/v1/search", json={"query": title}).json())
    assert gone not in ids(client.post("/v1/search", json={"query": title, "user_id": "u2"}).json())
    assert gone in ids(recommend(client, user_id="u3", k=50)) + [did["item_id"] for did in client.get("/v1/users/u3").json()["history"]]
    assert client.get("/v1/users/u2").json()["hidden"] == [gone]
    do("u2", "undo", gone)
    assert ids(recommend(client, user_id="u2")) == before
    assert client.get("/v1/users/u2").json()["hidden"] == []


def test_other_actions_move_the_list_too(client: TestClient, do: Do) -> None:
    lists = [ids(recommend(client, user_id="v"))]
    for event in ("view", "purchase", "dislike"):
        do("v", event, lists[-1][0])
        lists.append(ids(recommend(client, user_id="v")))
    assert all(one != other for one, other in itertools.pairwise(lists))


def test_events_are_counted_and_refused_one_by_one(client: TestClient) -> None:
    good = {"event_id": "x1", "user_id": "w", "item_id": "i1", "event": "play", "value": 2.5}
    unknown = {"user_id": "w", "item_id": "i999", "event": "play"}
    future = {"user_id": "w", "item_id": "i1", "event": "play", "timestamp": int(time.time()) + 200_000}
    answer = client.post("/v1/events", json={"events": [good, unknown, good, future]})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicates"], body["last_offset"]) == (1, 1, 1)
    assert body["places"] == [{"partition": 0, "offset": 1}]
    assert [(one["index"], one["value"]) for one in body["refused"]] == [(1, "item_id='i999'"), (3, f"timestamp={future['timestamp']}")]
    assert client.post("/v1/events", json={"events": [good]}).json()["duplicates"] == 1
    assert client.get("/v1/users/w").json()["events"] == 1
    assert client.post("/v1/events", json={"events": [unknown]}).status_code == 404
    assert client.post("/v1/events", json={"events": [future]}).status_code == 422
    assert client.get("/v1/health").json()["events_logged"] == 1


def test_an_id_that_is_sent_again_is_not_undone_twice(client: TestClient) -> None:
    def send(number: int, event: str) -> None:
        sent = {"event_id": f"s{number}", "user_id": "w", "item_id": "i1", "event": event}
        assert client.post("/v1/events", json={"events": [sent]}).status_code == 202

    for number, event in ((1, "like"), (2, "like"), (3, "undo"), (3, "undo"), (3, "undo")):
        send(number, event)
    assert client.get("/v1/users/w").json()["liked"] == ["i1"]


def test_a_restart_keeps_what_was_acknowledged(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    lists = []
    for start in range(2):
        log = SqliteEventLog(path)
        with TestClient(create_app(tiny_release, log=log)) as client:
            if start == 0:
                events = [{"user_id": "v", "item_id": item, "event": event} for item, event in (("i1", "like"), ("i2", "hide"))]
                client.post("/v1/events", json={"events": events})
            lists.append(
                (ids(recommend(client, user_id="v")), client.get("/v1/users/v").json(), client.get("/v1/health").json()["events_logged"])
            )
        log.close()
    assert lists[0] == lists[1]
    assert lists[0][2] == 2


def test_a_log_that_cannot_be_written_is_503_and_lists_go_on(client: TestClient, log: SqliteEventLog) -> None:
    holder = sqlite3.connect(log.path, isolation_level=None)
    log._file._writer.execute("PRAGMA busy_timeout = 50")
    holder.execute("BEGIN IMMEDIATE")
    answer = client.post("/v1/events", json={"events": [{"user_id": "v", "item_id": "i1", "event": "like"}]})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "another program" in answer.json()["error"]["rule"]
    assert recommend(client, user_id="u1")["items"]
    holder.close()


def test_without_its_log_the_service_goes_by_the_release_and_says_so(client: TestClient, do: Do, log: SqliteEventLog) -> None:
    before = recommend(client, user_id="u1")
    do("u1", "hide", "i30")
    log.close()
    answer = recommend(client, user_id="u1")
    assert ids(answer) == ids(before)
    assert answer["parts"]["missing"] == ["live events"]
    assert 'penchant_parts_missing_total{part="live events"} 1.0' in client.get("/metrics").text
    for address in ("/v1/users/u1", "/v1/health"):
        assert client.get(address).status_code == 503


def test_many_at_once(app: FastAPI, client: TestClient) -> None:
    """Each of 12 threads is a user who acts and must see it in the next answer."""
    troubles: list[str] = []

    def live(number: int) -> None:
        user = f"t{number}"
        for step in range(1, 4):
            item = f"i{number + 12 * step}"
            sent = {"user_id": user, "item_id": item, "event": "like"}
            if client.post("/v1/events", json={"events": [sent, sent | {"event_id": f"same{step}"}]}).status_code != 202:
                troubles.append("refused")
            answer = client.post("/v1/recommend", json={"user_id": user, "k": 5}).json()
            if item in ids(answer) or user != answer["user_id"]:
                troubles.append(f"{user}: {item} in {ids(answer)}")
            if client.get(f"/v1/users/{user}").json()["liked"][0] != item:
                troubles.append(f"{user}: like of {item} not seen")

    threads = [threading.Thread(target=live, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert client.get("/v1/health").json()["events_logged"] == 12 * 3 + 3


def test_search_finds_by_title_and_leaves_scores_in_order(client: TestClient) -> None:
    answer = client.post("/v1/search", json={"query": "  rocket ", "k": 5})
    assert answer.status_code == 200
    body = answer.json()
    assert body["query"] == "rocket"
    assert "Rocket" in body["items"][0]["title"]
    assert 1 <= len(body["items"]) <= 5
    assert [item["rank"] for item in body["items"]] == list(range(1, len(body["items"]) + 1))
    scores = [item["score"] for item in body["items"]]
    assert scores == sorted(scores, reverse=True)
    for item in body["items"]:
        assert set(item) > CARD
        assert item["matched"]
        assert set(item["matched"]) <= {"words", "meaning"}
    assert {"search", "total"} <= set(body["milliseconds"])


@pytest.mark.parametrize(
    "query", ["AND OR", '"', "title:(", "a:b^2~", "*", "日本", "'; DROP TABLE events", "\\", '+-&&||!(){}[]^"~*?:/', "x" * 512]
)
def test_any_query_is_only_words(client: TestClient, query: str) -> None:
    answer = client.post("/v1/search", json={"query": query})
    assert answer.status_code == 200, answer.text
    assert answer.json()["query"] == query


def test_an_item_and_what_is_near_it(client: TestClient) -> None:
    item = client.get("/v1/items/i1").json()
    assert set(item) == CARD | {"events", "live", "similar", "bought_with", "rules", "missing"}
    assert (item["title"], item["categories"], item["brand"], item["year"]) == ("Story of the Star 1", ["Space"], "Acme", 1980)
    assert item["tier"] in {"head", "mid", "tail"}
    assert item["events"] > 0
    for related in (item["similar"], item["bought_with"]):
        assert 1 <= len(related) <= 10
        assert "i1" not in [other["item_id"] for other in related]
        assert [other["score"] for other in related] == sorted((other["score"] for other in related), reverse=True)
    assert "Star" in item["similar"][0]["title"]


def test_users_are_found_and_visitors_among_them(client: TestClient, do: Do) -> None:
    everybody = client.get("/v1/users").json()
    assert (len(everybody["users"]), everybody["total"]) == (20, 40)
    do("visitor-x", "like", "i5")
    found = client.get("/v1/users", params={"search": "visitor", "limit": 5}).json()
    assert found == {"users": [{"user_id": "visitor-x", "events": 1, "recent": ["House of the Moon 1"]}], "total": 1}
    one = client.get("/v1/users", params={"search": "u17"}).json()["users"][0]
    past = client.get("/v1/users/u17").json()
    assert one["events"] == past["events"]
    assert one["recent"] == [did["title"] for did in past["history"][:3]]


def test_a_user_newest_first(client: TestClient, tiny_release: Release) -> None:
    past = client.get("/v1/users/u1", params={"limit": 4}).json()
    assert past["known"]
    assert len(past["history"]) == 4
    row = tiny_release.histories.row(tiny_release.users.code("u1") - 1)
    assert past["events"] == len(row)
    assert [did["item_id"] for did in past["history"]] == tiny_release.space.catalog.items.decode(row[::-1][:4])
    times = [did["timestamp"] for did in past["history"]]
    assert times == sorted(times, reverse=True)
    assert {did["event"] for did in past["history"]} <= {"rating", "play"}
    assert not any(did["live"] for did in past["history"])
    assert client.get("/v1/users/u1", params={"limit": 0}).json()["history"] == []


@pytest.mark.parametrize("user", ["stranger", "somebody else", "a/b", "ünï", "..", "%", "?x=1", "-1", "x" * 512])
def test_anybody_may_start(client: TestClient, do: Do, user: str) -> None:
    address = f"/v1/users/{quote(user, safe='')}".replace("..", "%2E%2E")
    fresh = client.get(address).json()
    assert fresh == {
        "user_id": user,
        "known": False,
        "events": 0,
        "history": [],
        "hidden": [],
        "liked": [],
        "interests": [],
        "steering": [],
        "personalised": True,
        "read_to": [{"partition": 0, "offset": 1}],
        "followed_to": None,
    }
    do(user, "like", "i1")
    assert client.get(address).json()["liked"] == ["i1"]


def test_the_tree_of_codes_is_whole(client: TestClient, tiny_release: Release) -> None:
    root = client.get("/v1/codes").json()
    assert (root["prefix"], root["items"], root["levels"]) == ([], 60, tiny_release.space.codes.shape[1])
    assert sum(child["items"] for child in root["children"]) == 60
    assert root["leaves"] is None
    below = []
    for child in root["children"]:
        node = client.get("/v1/codes", params={"prefix": child["code"]}).json()
        assert node["items"] == child["items"] == len(node["leaves"])
        assert {leaf["codes"][0] for leaf in node["leaves"]} == {child["code"]}
        below += [leaf["item_id"] for leaf in node["leaves"]]
    assert sorted(below) == sorted(tiny_release.space.catalog.items.ids.to_list())
    leaf = client.get("/v1/items/i1").json()["codes"]
    last = client.get("/v1/codes", params={"prefix": ",".join(map(str, leaf))}).json()
    assert (last["items"], last["children"], [card["item_id"] for card in last["leaves"]]) == (1, [], ["i1"])


def test_a_beam_search_can_be_watched(client: TestClient, tiny_release: Release, do: Callable[..., dict[str, Any]]) -> None:
    levels = tiny_release.space.codes.shape[1]
    found = client.get("/v1/beam", params={"user_id": "u1", "width": 5}).json()
    assert [len(beam) for beam in found["levels"][:-1]] == [5] * (levels - 1)
    assert [one["codes"] for one in found["items"]] == [one["prefix"] for one in found["levels"][-1]]
    for level, beam in enumerate(found["levels"]):
        assert all(len(one["prefix"]) == level + 1 and one["items"] >= 1 for one in beam)
        assert [one["chance"] for one in beam] == sorted((one["chance"] for one in beam), reverse=True)
    had = {one["item_id"] for one in client.get("/v1/users/u1").json()["history"]}
    assert not had & {one["item_id"] for one in found["items"]}
    do("u1", "hide", found["items"][0]["item_id"])
    again = client.get("/v1/beam", params={"user_id": "u1", "width": 5}).json()
    assert found["items"][0]["item_id"] not in {one["item_id"] for one in again["items"]}
    nobody = client.get("/v1/beam", params={"width": 3}).json()
    assert (nobody["user_id"], nobody["events"], len(nobody["items"])) == (None, 0, 3)


def test_blocked_items_are_shown_nowhere(tiny_release: Release, log: SqliteEventLog) -> None:
    gone = {"i2", "i3", "i5", "i9"}
    with TestClient(create_app(without_items(tiny_release, gone), log=log), raise_server_exceptions=False) as client:

        def shown(answer: Any) -> set[str]:
            return {one["item_id"] for one in answer}

        title = client.get("/v1/items/i2").json()["title"]  # who has the address still sees what it was
        assert not gone & shown(client.post("/v1/search", json={"query": title, "k": 60}).json()["items"])
        assert not gone & shown(client.post("/v1/recommend", json={"user_id": "u1", "k": 50}).json()["items"])
        assert not gone & shown(client.get("/v1/beam", params={"user_id": "u1", "width": 50}).json()["items"])
        item = client.get("/v1/items/i1").json()
        assert item["similar"] and not gone & (shown(item["similar"]) | shown(item["bought_with"]))
        for child in client.get("/v1/codes").json()["children"]:
            assert not gone & shown(client.get("/v1/codes", params={"prefix": child["code"]}).json()["leaves"])
        everything = without_items(tiny_release, tiny_release.space.catalog.items.ids.to_list())
    with TestClient(create_app(everything, log=log), raise_server_exceptions=False) as client:
        assert client.get("/v1/beam", params={"user_id": "u1"}).json()["levels"] == []
        assert client.post("/v1/recommend", json={"user_id": "u1", "k": 5}).json()["items"] == []


def test_the_report_and_its_figures(client: TestClient, tiny_release: Release) -> None:
    report = client.get("/v1/report").json()
    assert report == tiny_release.report
    for figure in report["figures"]:
        picture = client.get(f"/v1/report/figures/{figure['name']}")
        assert picture.status_code == 200
        assert picture.headers["content-type"] in {"image/png", "image/svg+xml"}
        assert len(picture.content) > 500
    assert client.get("/v1/report/figures/nothing.png").status_code == 404


def test_health(client: TestClient, tiny_release: Release) -> None:
    health = client.get("/v1/health").json()
    assert health.pop("models")[0] == "tandem"
    assert health == {
        "status": "ready",
        "release": tiny_release.id,
        "created": tiny_release.created,
        "dataset": "tiny",
        "items": 60,
        "users": 40,
        "events_logged": 0,
        "version": __version__,
    }


def test_metrics_count_by_route_not_by_address(client: TestClient, do: Do) -> None:
    do("v", "like", "i1")
    for address in ("/v1/items/i1", "/v1/items/i2", "/v1/items/i999", "/nowhere/1", "/nowhere/2"):
        client.get(address)
    text = client.get("/metrics").text
    assert 'penchant_requests_total{method="GET",route="/v1/items/{item_id:path}",status="200"} 2.0' in text
    assert 'penchant_requests_total{method="GET",route="/v1/items/{item_id:path}",status="404"} 1.0' in text
    assert 'penchant_requests_total{method="GET",route="none",status="404"} 2.0' in text
    assert 'penchant_events_total{outcome="accepted"} 1.0' in text
    assert f"penchant_dear_cores {0.3 * (os.cpu_count() or 1)}" in text
    assert 'penchant_request_seconds_bucket{le="0.05",route="/v1/events"}' in text
    assert "nowhere" not in text
