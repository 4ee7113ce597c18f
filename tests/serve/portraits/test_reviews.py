"""Reviews over HTTP: what waits, what a decision changes, who may decide, and what is left when a user is forgotten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.keys import KeyFile
from penchant.serve.portraits.kept import Found, portrait_key
from penchant.serve.portraits.reviews import Reviews
from penchant.serve.portraits.words import review_key, words_key
from penchant.serve.service import ServeSettings, Service
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write
from tests.serve.portraits.test_page import does, kept, portrait

SECRET = "Has a secret that stands nowhere else."


@pytest.fixture
def client(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> Iterator[TestClient]:
    with TestClient(create_app(tiny_release, log=log, store=store), raise_server_exceptions=False) as client:
        yield client


def service(client: TestClient) -> Service:
    return client.app.state.current.service  # type: ignore[attr-defined]


def writes(client: TestClient, user: str, text: str) -> None:
    """A language model writes about the portrait as it is stored."""
    portraits = service(client).portraits
    assert portraits is not None
    (found,) = portraits.look([user])
    assert found.portrait is not None
    assert portraits.write(user, text, "a-model", found.portrait.prose.of)


def waiting(client: TestClient) -> list[str]:
    return [one["user_id"] for one in client.get("/v1/reviews").json()["waiting"]]


def decide(client: TestClient, user: str, decision: str, **more: Any) -> dict[str, Any]:
    version = client.get(f"/v1/reviews/{user}").json()["version"]
    answer = client.post(f"/v1/reviews/{user}", json={"version": version, "decision": decision, "reviewer": "rae", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_models_words_are_served_and_wait(client: TestClient) -> None:
    does(client, "ann", "i1", "i5")
    kept(client, "ann", 2)
    assert waiting(client) == []
    writes(client, "ann", "Dreams of rockets.")
    assert portrait(client, "ann")["prose"] | {"made": 0} == {
        "text": "Dreams of rockets.", "author": "a-model", "by": "model", "made": 0, "current": True
    }  # fmt: skip
    assert (portrait(client, "ann")["review"], waiting(client)) == ("new", ["ann"])
    entry = client.get("/v1/reviews/ann").json()
    assert (entry["why"], entry["author"], entry["text"], entry["decided"]) == ("new", "a-model", "Dreams of rockets.", None)
    does(client, "ann", "i2")
    kept(client, "ann", 3)
    found = portrait(client, "ann")
    assert found["prose"]["by"] == "events", "the model's are of an older state"
    assert (found["written"]["text"], found["written"]["current"]) == ("Dreams of rockets.", False)
    diff = client.get("/v1/reviews/ann").json()["diff"]
    assert "".join(one["text"] for one in diff if one["kind"] != "removed") == "Dreams of rockets."
    assert "".join(one["text"] for one in diff if one["kind"] != "added") == found["prose"]["text"]


def test_words_that_are_held_are_served_once_somebody_has_decided(client: TestClient) -> None:
    does(client, "hal", "i1", "i5")
    kept(client, "hal", 2)
    writes(client, "hal", "Dreams of rockets.")
    assert portrait(client, "hal")["prose"]["by"] == "model"
    held = client.post("/v1/reviews", json={"user_id": "hal", "why": "other words, other interests", "holds": True}).json()
    assert (held["holds"], held["why"], held["text"]) == (True, "other words, other interests", "Dreams of rockets.")
    assert portrait(client, "hal")["prose"]["by"] == "events", "it waited already, and is held from now on"
    writes(client, "hal", "Dreams of moons.")
    entry = client.get("/v1/reviews/hal").json()
    assert (entry["text"], entry["holds"]) == ("Dreams of moons.", True)
    assert portrait(client, "hal")["prose"]["by"] == "events", "words that came meanwhile are held as well"
    assert client.post("/v1/reviews", json={"user_id": "hal", "why": "again"}).json()["holds"]
    decide(client, "hal", "accept")
    assert portrait(client, "hal")["prose"]["text"] == "Dreams of moons."
    does(client, "ivy", "i1", "i5")
    kept(client, "ivy", 2)
    assert client.post("/v1/reviews", json={"user_id": "ivy", "why": "before any words", "holds": True}).json()["author"] == "events"
    writes(client, "ivy", "Dreams of rockets.")
    assert portrait(client, "ivy")["prose"]["by"] == "events"
    decide(client, "ivy", "reject")
    assert portrait(client, "ivy")["prose"]["by"] == "events"


def test_what_was_edited_is_served_and_stays(client: TestClient) -> None:
    does(client, "ben", "i1", "i5")
    kept(client, "ben", 2)
    writes(client, "ben", "Dreams of rockets.")
    assert decide(client, "ben", "edit", text="Reads about space.")["text"] == "Reads about space."
    prose = portrait(client, "ben")["prose"]
    assert (prose["text"], prose["author"], prose["by"], prose["current"]) == ("Reads about space.", "rae", "person", True)
    assert waiting(client) == []
    does(client, "ben", "i2", "i6", "i10", "i14")
    found = kept(client, "ben", 6)
    assert (found["prose"]["text"], found["prose"]["current"], found["review"]) == ("Reads about space.", False, "changed much")
    entry = client.get("/v1/reviews/ben").json()
    assert (entry["served"]["text"], entry["decided"]["decision"]) == ("Reads about space.", "edit")
    assert ("entered", ["Garden"]) in [(one["kind"], one["path"]) for one in entry["changes"]]
    decide(client, "ben", "reject")
    assert portrait(client, "ben")["prose"]["text"] == "Reads about space."
    assert client.get("/v1/reviews/ben").status_code == 404


def test_what_was_rejected_is_not_served(client: TestClient) -> None:
    does(client, "cat", "i1")
    kept(client, "cat", 1)
    writes(client, "cat", "Hates everything.")
    decide(client, "cat", "reject")
    found = portrait(client, "cat")
    assert (found["prose"]["by"], found["written"]) == ("events", None)


def named(client: TestClient, user: str) -> list[list[str]]:
    """Paths of all categories that reasons name."""
    found = client.post("/v1/recommend", json={"user_id": user, "k": 30}).json()["items"]
    why = [one["reason"] for one in found]
    return [path for one in why for path in [*one["shared"], *([one["interest"]["path"]] if one["interest"] else [])]]


def test_interests_that_a_reviewer_takes_out_are_not_served(client: TestClient) -> None:
    does(client, "dee", "i1", "i5", "i2")
    kept(client, "dee", 3)
    assert client.post("/v1/reviews", json={"user_id": "dee", "why": "biased"}).json()["why"] == "biased"
    assert client.post("/v1/reviews", json={"user_id": "dee", "why": "again"}).json()["why"] == "biased", "it waits already"
    decide(client, "dee", "edit", text="Cooks.", left_out=[["Space"]])
    found = portrait(client, "dee")
    told = [one["path"][0] for layer in ("short", "long", "potential", "rare", "due") for one in found["layers"][layer]]
    assert "Kitchen" in told and "Space" not in told
    assert found["left_out"] == [["Space"]]
    assert found["tree"]["rest"] > 0.3
    assert "Space" not in str(found["offline"]) + str(found["near_line"]) + str(found["changes"]) + found["text"]
    assert [one["name"] for one in found["near_line"]["interests"]] == ["Kitchen"]
    client.post("/v1/reviews", json={"user_id": "dee", "why": "again"})
    assert decide(client, "dee", "reject")["left_out"] == [["Space"]], "a rejection says nothing of them"
    assert portrait(client, "dee")["left_out"] == [["Space"]]
    assert not any("Space" in path for path in named(client, "dee")), "reasons do not name what was taken out, either"
    client.post("/v1/reviews", json={"user_id": "dee", "why": "again"})
    assert decide(client, "dee", "reject", left_out=[])["left_out"] == []
    assert any("Space" in path for path in named(client, "dee"))


def test_nobody_decides_about_what_they_have_not_seen(client: TestClient) -> None:
    does(client, "eli", "i1")
    kept(client, "eli", 1)
    writes(client, "eli", "One.")
    version = client.get("/v1/reviews/eli").json()["version"]
    writes(client, "eli", "Two.")
    answer = client.post("/v1/reviews/eli", json={"version": version, "decision": "accept"})
    assert (answer.status_code, answer.json()["error"]["rule"]) == (422, "the entry is another by now")
    assert client.post("/v1/reviews/eli", json={"version": version, "decision": "edit", "text": "  "}).status_code == 422
    assert client.post("/v1/reviews/nobody", json={"version": 1, "decision": "accept"}).status_code == 404
    assert client.post("/v1/reviews", json={"user_id": "nobody", "why": "odd"}).status_code == 404


def test_the_queue_has_pages(client: TestClient) -> None:
    people = [f"p{number}" for number in range(5)]
    for user in people:
        does(client, user, "i1")
    for user in people:
        kept(client, user, 1)
        client.post("/v1/reviews", json={"user_id": user, "why": "a look"})
    first = client.get("/v1/reviews?limit=3").json()
    rest = client.get(f"/v1/reviews?limit=3&after={first['after']}").json()
    assert [one["user_id"] for one in first["waiting"] + rest["waiting"]] == people
    assert rest["after"] is None


def test_an_entry_that_cannot_be_read_hides_nobody_and_is_written_anew(client: TestClient, store: SqliteStateStore) -> None:
    people = ["q1", "q2", "q3"]
    for user in people:
        does(client, user, "i1")
    for user in people:
        kept(client, user, 1)
        client.post("/v1/reviews", json={"user_id": user, "why": "a look"})
    assert store.put({review_key("q2"): Write(b"spoilt", *store.versions([review_key("q2")]))})
    first = client.get("/v1/reviews?limit=2").json()
    assert ([one["user_id"] for one in first["waiting"]], first["after"]) == (["q1"], "q2")
    rest = client.get("/v1/reviews?limit=2&after=q2").json()
    assert ([one["user_id"] for one in rest["waiting"]], rest["after"]) == (["q3"], None)
    assert client.post("/v1/reviews", json={"user_id": "q2", "why": "once more"}).json()["why"] == "once more"
    assert waiting(client) == people


def test_the_audit_does_not_tell_why_somebody_asked_and_outlives_damage(client: TestClient, store: SqliteStateStore) -> None:
    does(client, "ida", "i1")
    kept(client, "ida", 1)
    client.post("/v1/reviews", json={"user_id": "ida", "why": SECRET})
    decide(client, "ida", "accept")
    assert store.put({"audit:portraits:000000000000000:spoilt": Write(b"spoilt")})
    assert [one["why"] for one in client.get("/v1/reviewed").json()["decisions"]] == ["asked"]


def test_whoever_opts_out_leaves_the_queue(client: TestClient, store: SqliteStateStore) -> None:
    does(client, "joe", "i1")
    kept(client, "joe", 1)
    writes(client, "joe", SECRET)
    version = client.get("/v1/reviews/joe").json()["version"]
    assert client.post("/v1/users/joe/consent", json={"personalised": False}).status_code == 200
    assert waiting(client) == []
    assert client.post("/v1/reviews/joe", json={"version": version, "decision": "accept"}).status_code == 404
    assert portrait(client, "joe")["prose"]["by"] == "events"


def test_a_decision_that_an_erasure_undid_is_not_found(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    does(client, "lea", "i1")
    kept(client, "lea", 1)
    client.post("/v1/reviews", json={"user_id": "lea", "why": "a look"})
    monkeypatch.setattr(Reviews, "decide", lambda self, *_, **__: Found(None, 0, False, None, None, 0))
    assert client.post("/v1/reviews/lea", json={"version": 1, "decision": "accept"}).status_code == 404


def test_whoever_is_forgotten_leaves_the_queue_and_the_audit_tells_nothing(
    client: TestClient, store: SqliteStateStore, tmp_path: Path
) -> None:
    does(client, "fay", "i1")
    kept(client, "fay", 1)
    writes(client, "fay", SECRET)
    decide(client, "fay", "edit", text=f"Now: {SECRET}")
    client.post("/v1/reviews", json={"user_id": "fay", "why": "once more"})
    held = {one["key"] for one in client.get("/v1/users/fay/export").json()["held"]["state store"]}
    assert {portrait_key("fay"), words_key("fay"), review_key("fay")} <= held
    assert client.delete("/v1/users/fay").json()["found"]["state store"] == 0
    assert store.versions([portrait_key("fay"), words_key("fay"), review_key("fay")]) == [0, 0, 0]
    (audited,) = client.get("/v1/reviewed").json()["decisions"]
    assert audited["why"] == "new"
    assert (audited["decision"], audited["reviewer"], audited["author"], len(audited["user"])) == ("edit", "rae", "a-model", 32)
    assert not [path.name for path in tmp_path.iterdir() if path.is_file() and SECRET.encode() in path.read_bytes()]
    time.sleep(0.5)
    assert portrait(client, "fay")["kept"] is None


def test_decisions_are_for_operators_and_named_by_their_keys(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path
) -> None:
    keys = {scope: KeyFile(tmp_path / "keys.json").add(f"{scope}-desk", [scope]) for scope in ("users", "admin")}  # type: ignore[list-item]
    settings = ServeSettings(keys=tmp_path / "keys.json")
    with TestClient(create_app(tiny_release, log=log, store=store, settings=settings)) as client:
        ask = {scope: {"authorization": f"Bearer {key}"} for scope, key in keys.items()}
        assert client.get("/v1/reviews", headers=ask["users"]).status_code == 403
        assert client.get("/v1/reviewed", headers=ask["users"]).status_code == 403
        client.get("/v1/users/u1/portrait", headers=ask["users"])
        for _ in range(200):
            if store.versions([portrait_key("u1")]) != [0]:
                break
            time.sleep(0.02)
        client.post("/v1/reviews", json={"user_id": "u1", "why": "a look"}, headers=ask["admin"])
        version = client.get("/v1/reviews/u1", headers=ask["admin"]).json()["version"]
        body = {"version": version, "decision": "accept", "reviewer": "somebody else"}
        assert client.post("/v1/reviews/u1", json=body, headers=ask["users"]).status_code == 403
        assert client.post("/v1/reviews/u1", json=body, headers=ask["admin"]).json()["reviewer"] == "admin-desk"


def test_without_a_store_there_is_nothing_to_review(tiny_release: Release, log: SqliteEventLog) -> None:
    with TestClient(create_app(tiny_release, log=log), raise_server_exceptions=False) as client:
        assert client.get("/v1/reviews").status_code == 503
