"""Opting out: whoever does is nobody in particular, on every server, whatever comes after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from penchant.core.errors import ArtifactError, StorageError
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.choices import SECRET, UNKNOWN, Choice, Choices
from penchant.serve.events import LiveEvent
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write
from penchant.serve.worker import Worker


@pytest.fixture
def client(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore) -> Iterator[TestClient]:
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False), raise_server_exceptions=False) as client:
        yield client


@given(
    choice=st.builds(
        Choice, st.booleans(), st.none() | st.integers(0, 1 << 40), st.dictionaries(st.integers(0, 99), st.integers(0, 1 << 60))
    )
)
def test_a_choice_comes_back(choice: Choice) -> None:
    assert Choice.from_bytes(choice.to_bytes()) == choice


@pytest.mark.parametrize("stored", [b"", b"{}", b"[]", b"null", b'{"personalised": true, "forgotten": null, "before": 5}'])
def test_a_damaged_choice_is_told(stored: bytes) -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        Choice.from_bytes(stored)


def test_everybody_shares_what_people_chose(store: SqliteStateStore) -> None:
    one, other = Choices(store), Choices(store)
    assert one.of(["ann", "ben"]) == [Choice(), Choice()]
    assert store.names() == [], "to ask leaves nothing behind"
    one.personalise("ann", False)
    assert [choice.personalised for choice in other.of(["ann", "ben"])] == [False, True]
    forgotten = other.forget("ann", {0: 7})
    assert one.one("ann") == forgotten == Choice(False, forgotten.forgotten, {0: 7}), "still opted out"
    assert one.hashed("ann") == other.hashed("ann") != one.hashed("ben")
    assert not any("ann" in name for name in store.names())
    events = [LiveEvent(str(place), "ann", "i1", "view", 1, None, place, part) for part, place in ((0, 6), (0, 7), (3, 0))]
    assert [forgotten.counts(event) for event in events] == [False, True, True]


def test_where_the_store_cannot_be_asked_the_last_word_holds_and_else_nothing_is_used(store: SqliteStateStore) -> None:
    choices = Choices(store)
    choices.personalise("ann", False)
    assert (choices.one("ann").personalised, choices.one("ben").personalised) == (False, True)
    store.close()
    assert (choices.one("ann").personalised, choices.one("ben").personalised) == (False, True)
    assert choices.one("cat") == UNKNOWN
    with pytest.raises(StorageError):
        choices.personalise("ann", True)


def test_a_store_that_lost_everything_does_not_meet_an_old_secret(store: SqliteStateStore) -> None:
    choices = Choices(store)
    choices.personalise("ann", False)
    old = choices.hashed("ann")
    for name in store.names():
        (found,) = store.get([name])
        assert found is not None
        store.put({name: Write(None, found.version)})
    choices.personalise("ann", False)
    assert choices.hashed("ann") != old
    assert choices.one("ann") == Choices(store).one("ann") == Choice(personalised=False)


def test_a_damaged_choice_lets_nothing_be_used_until_it_is_set_again(store: SqliteStateStore) -> None:
    choices = Choices(store)
    choices.personalise("ann", True)
    (key,) = [name for name in store.names() if name != SECRET]
    (found,) = store.get([key])
    assert found is not None
    store.put({key: Write(b"spoilt", found.version)})
    assert Choices(store).one("ann") == UNKNOWN
    assert not choices.personalise("ann", False).personalised


def consent(client: TestClient, user: str, yes: bool) -> None:
    answer = client.post(f"/v1/users/{user}/consent", json={"personalised": yes})
    assert (answer.status_code, answer.json()) == (200, {"user_id": user, "personalised": yes})


def listed(client: TestClient, **asked: Any) -> tuple[list[str], bool, int]:
    answer = client.post("/v1/recommend", json={"k": 15, **asked}).json()
    return [item["item_id"] for item in answer["items"]], answer["personalised"], answer["history_length"]


def test_whoever_opts_out_gets_the_list_of_nobody_in_particular(client: TestClient, tiny_release: Release) -> None:
    nobody = listed(client)
    assert nobody[1:] == (False, 0)
    before = {user: listed(client, user_id=user) for user in ("u1", "u2", "new")}
    assert [one[1] for one in before.values()] == [True] * 3
    for user in before:
        client.post("/v1/events", json={"events": [{"user_id": user, "item_id": nobody[0][0], "event": "hide"}]})
        consent(client, user, False)
        assert listed(client, user_id=user) == nobody
        assert listed(client, user_id=user, events=["i1", "i2"]) == nobody
        assert not client.get(f"/v1/users/{user}").json()["personalised"]
        title = client.get(f"/v1/items/{nobody[0][0]}").json()["title"]
        found = [client.post("/v1/search", json={"query": title, **who}).json()["items"] for who in ({}, {"user_id": user})]
        assert found[0] == found[1]
        beams = [client.get("/v1/beam", params=who).json()["items"] for who in ({}, {"user_id": user})]
        assert beams[0] == beams[1]
    assert listed(client, events=["i1", "i2"])[1:] == (True, 2), "a history that is passed along for nobody is what was asked for"
    consent(client, "u1", True)
    again = listed(client, user_id="u1")
    assert again[1]
    assert again[2] > 0
    assert nobody[0][0] not in again[0], "what they did meanwhile is theirs"


def test_the_choice_outlives_servers_and_replays(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, client: TestClient
) -> None:
    consent(client, "u1", False)
    client.post("/v1/events", json={"events": [{"user_id": "u1", "item_id": "i1", "event": "like"}]})
    worker = Worker(log, store, lambda _: ())
    worker.step()
    worker.replay()
    worker.step()
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False)) as another:
        assert listed(another, user_id="u1") == listed(another)


def test_a_server_without_a_store_says_so(tiny_release: Release, log: SqliteEventLog) -> None:
    with TestClient(create_app(tiny_release, log=log), raise_server_exceptions=False) as client:
        answer = client.post("/v1/users/u1/consent", json={"personalised": False})
        assert (answer.status_code, answer.json()["error"]["remedy"]) == (503, "start it with a state store")


@pytest.mark.parametrize("body", [{}, {"personalised": 1}, {"personalised": "no"}, {"personalised": None}, {"personalised": True, "x": 1}])
def test_only_yes_or_no(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post("/v1/users/u1/consent", json=body).status_code == 422


def test_rules_for_some_people_do_not_know_who_opted_out(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- rule: exclude\n  where: {categories: [Space]}\n  audience: {users: [u1]}\n")
    with TestClient(create_app(tiny_release, log=log, store=store, settings=ServeSettings(rules=rules), follow=False)) as client:
        before = listed(client, user_id="u1")[0]
        for user in ("u1", "u2"):
            consent(client, user, False)
        first, second = (listed(client, user_id=user)[0] for user in ("u1", "u2"))
        categories = {item: client.get(f"/v1/items/{item}").json()["categories"] for item in (*before, *first)}
    assert first == second
    assert not any("Space" in categories[item] for item in before), "the rule holds for this person"
    assert any("Space" in categories[item] for item in first), "who opted out is nobody in particular"
