"""Export and erasure: all of it is told, nothing of it stays, and whoever was forgotten is a stranger."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from penchant.cli.main import app as commands
from penchant.core.errors import UnknownIdError
from penchant.pipeline.release import Release, load_release
from penchant.serve.app import create_app
from penchant.serve.choices import Choices
from penchant.serve.erasure import Eraser
from penchant.serve.events import Erased, LiveEvent
from penchant.serve.experiments.hub import Experiments
from penchant.serve.holders import Answers, DeadLetters, FileLog, States
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.served import Served
from penchant.serve.set_aside import DEAD
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState
from penchant.serve.stores import StateStore, Write, user_key
from penchant.serve.user_vectors import vector_key
from penchant.serve.worker import Worker
from penchant.users.state import UserState
from penchant.users.vector import UserVector
from tests.servers import kafka_broker, redis_server

LONG = "someone-whose-id-occurs-nowhere-else"


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[SqliteServedLog]:
    with closing(SqliteServedLog(tmp_path / "served.sqlite")) as answers:
        yield answers


@pytest.fixture
def client(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, answers: SqliteServedLog) -> Iterator[TestClient]:
    with TestClient(create_app(tiny_release, log=log, store=store, served=answers), raise_server_exceptions=False) as client:
        yield client


def followed(log: SqliteEventLog, store: StateStore) -> None:
    """Wait for the worker."""
    for _ in range(500):
        if store.positions() == log.end():
            return
        time.sleep(0.01)
    raise AssertionError("the worker did not follow")


def send(client: TestClient, user: str, *items: str, event: str = "like") -> None:
    events = [{"user_id": user, "item_id": item, "event": event} for item in items]
    assert client.post("/v1/events", json={"events": events}).status_code == 202


def listed(client: TestClient, user: str) -> list[str]:
    return [item["item_id"] for item in client.post("/v1/recommend", json={"user_id": user, "k": 20}).json()["items"]]


def eraser_of(log: SqliteEventLog, store: StateStore) -> Eraser:
    choices = Choices(store)
    return Eraser(log, store, choices, [FileLog(log), States(store), DeadLetters(store)])


def read_all(log: SqliteEventLog) -> list[Any]:
    return list(log.read(log.begin(), 1_000))


def test_all_that_is_kept_is_exported(client: TestClient, log: SqliteEventLog, store: SqliteStateStore, tiny_release: Release) -> None:
    send(client, "u1", "i3", "i7")
    send(client, "u17", "i9")
    followed(log, store)
    answer = client.get("/v1/users/u1/export").json()
    assert (answer["user_id"], answer["personalised"]) == ("u1", True)
    held = answer["held"]
    assert [(one["user_id"], one["item_id"], one["event"]) for one in held["event log"]] == [("u1", "i3", "like"), ("u1", "i7", "like")]
    kept = {one["key"].partition(":")[0]: one for one in held["state store"]}  # the portrait is made a moment later
    assert {"user"} <= set(kept) <= {"user", "portrait", "refresh"}
    state = kept["user"]
    assert [one["item_id"] for one in state["events"]] == ["i3", "i7"]
    assert state["events_ever"] == 2
    assert state["interests"]
    row = tiny_release.histories.row(tiny_release.users.code("u1") - 1)
    assert [one["item_id"] for one in held["release"]] == tiny_release.space.catalog.items.decode(row)
    assert held["dead letters"] == held["memory"] == []
    assert client.get("/v1/users/stranger/export").json()["held"] == {name: [] for name in held}


def test_the_stored_vector_of_whoever_was_forgotten_is_made_of_what_came_after(
    client: TestClient, log: SqliteEventLog, store: SqliteStateStore, tiny_release: Release
) -> None:
    for visitor in ("first", "second", "u1"):  # visitors have numbers of this process, which must mean the same everywhere
        send(client, visitor, "i7")
    client.delete("/v1/users/u1")
    send(client, "u1", "i5")
    send(client, "second", "i9")
    followed(log, store)
    key = vector_key("u1", tiny_release.id)
    for user in ("second", "u1"):
        asked = {"user_id": user, "k": 5}
        dense = [one["item_id"] for one in client.post("/v1/recommend", json={**asked, "model": "tandem-dense"}).json()["items"]]
        for _ in range(300):
            found = client.post("/v1/recommend", json={**asked, "model": "stored"}).json()["items"]
            if [one["item_id"] for one in found] == dense:
                break
            time.sleep(0.02)
        else:
            raise AssertionError(f"the list of {user} by a stored vector is not that of what they did")
    (stored,) = store.get([key])
    assert stored is not None
    assert UserVector.from_bytes(stored.value).events == 1


TRIED = {
    "name": "half",
    "arms": [{"name": "as-is", "share": 0.5}, {"name": "changed", "share": 0.5, "weights": {"ease": 2.0}}],
    "metrics": [{"name": "likes", "events": ["like"], "window_seconds": 1}],
}


def experiments_of(client: TestClient) -> Experiments:
    return client.app.state.current.service.backend.experiments  # type: ignore[attr-defined]


def test_whoever_is_forgotten_is_counted_by_no_experiment(client: TestClient, answers: SqliteServedLog) -> None:
    assert client.post("/v1/experiments", json=TRIED).status_code == 201
    found = experiments_of(client)
    found.settle_seconds = 0.0
    for user in ("u1", "u17"):
        listed(client, user)
    assert sum(arm["users"] for arm in client.get("/v1/experiments/half").json()["arms"]) == 2
    deleted = client.delete("/v1/users/u1").json()["deleted"]
    assert (deleted["log of answers"], deleted["results of experiments"]) == (1, 1)
    assert [one.user_id for one in answers.since(0)] == ["u17"]
    assert sum(arm["users"] for arm in client.get("/v1/experiments/half").json()["arms"]) == 1


def test_whom_another_server_was_asked_to_forget_is_forgotten_here(
    client: TestClient, answers: SqliteServedLog, store: SqliteStateStore
) -> None:
    assert client.post("/v1/experiments", json=TRIED).status_code == 201
    found = experiments_of(client)
    found.settle_seconds = 0.0
    for user in ("u1", "u17"):
        listed(client, user)
    client.get("/v1/experiments/half")
    Choices(store, clock=lambda: time.time() + 1).forget("u1", {})
    assert (found.holds("u1"), found.holds("u17")) == (1, 1)
    found.sweep()
    assert (found.holds("u1"), found.holds("u17")) == (0, 1)
    assert answers.users() == ["u17"]


def test_no_list_of_whoever_opted_out_is_kept_as_theirs(client: TestClient, answers: SqliteServedLog) -> None:
    assert client.post("/v1/experiments", json=TRIED).status_code == 201
    assert client.post("/v1/users/u1/consent", json={"personalised": False}).status_code == 200
    listed(client, "u1")
    answers.flush()
    (one,) = answers.since(0)
    assert (one.user_id, dict(one.arms)) == (None, {})


@pytest.mark.parametrize("user", ["u1", LONG, "a/b", "ünï", "x" * 512])
def test_whoever_is_forgotten_is_a_stranger(
    client: TestClient, log: SqliteEventLog, store: SqliteStateStore, tiny_release: Release, user: str
) -> None:
    address = f"/v1/users/{quote(user, safe='')}"
    send(client, user, "i3", "i7", "i20")
    send(client, "u17", "i9")
    followed(log, store)
    mine = listed(client, user)
    assert mine != listed(client, "stranger")
    others = client.get("/v1/users/u17").json()
    receipt = client.delete(address).json()
    released = len(tiny_release.histories.row(tiny_release.users.code(user) - 1)) if user in tiny_release.users else 0
    assert receipt["found"] == dict.fromkeys(receipt["deleted"], 0)
    assert receipt["deleted"]["state store"] in (1, 2, 3), "the state, and as it may be a vector and a place in the queue for one"
    others_deleted = {name: count for name, count in receipt["deleted"].items() if name != "state store"}
    assert others_deleted == {
        "event log": 3,
        "log of answers": 1,
        "results of experiments": 0,
        "dead letters": 0,
        "release": released,
        "memory": 1,
    }
    assert (receipt["traces"], len(receipt["kept"])) == (0, int(released > 0))
    assert client.get(f"/v1/receipts/{receipt['receipt']}").json() == receipt
    assert user not in json.dumps(receipt)

    assert client.get(f"{address}/export").json()["held"] == {name: [] for name in receipt["deleted"]}
    fresh = client.get(address).json()
    assert fresh == {**client.get("/v1/users/stranger").json(), "user_id": user}
    assert listed(client, user) == listed(client, "stranger")

    def found() -> list[str]:
        return [one["user_id"] for one in client.get("/v1/users", params={"search": user[:200], "limit": 100}).json()["users"]]

    assert user not in found()
    assert client.get("/v1/users/u17").json() == others

    send(client, user, "i5")
    back = client.get(address).json()
    assert (back["known"], [one["item_id"] for one in back["history"]]) == (False, ["i5"])
    assert user in found()
    assert client.delete(address).json()["deleted"]["event log"] == 1


def test_no_byte_of_the_id_stays_in_any_file(client: TestClient, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path) -> None:
    for place in range(60):  # several pages, between those of others
        send(client, LONG, f"i{place + 1}")
        send(client, f"other {place}", f"i{place + 1}")
    store.put({f"{DEAD}0:1": Write(json.dumps({"content": f'{{"user_id": "{LONG}", broken'}).encode())})
    followed(log, store)
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert any(LONG.encode() in path.read_bytes() for path in files)
    receipt = client.delete(f"/v1/users/{LONG}").json()
    expected = {
        "event log": 60,
        "log of answers": 0,
        "results of experiments": 0,
        "dead letters": 1,
        "release": 0,
        "memory": 0,
    }
    states = receipt["deleted"].pop("state store")  # the state, and where it was made by then the portrait, or the claim on it
    assert 1 <= states <= 3
    assert receipt["deleted"] == expected
    assert [path.name for path in tmp_path.iterdir() if path.is_file() and LONG.encode() in path.read_bytes()] == []
    assert sum(isinstance(one, LiveEvent) for one in read_all(log)) == 60


def test_what_sqlite_left_behind_is_found_and_the_file_rewritten(tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    log.append([LiveEvent(f"e{place}", LONG, "i1", "view", 1) for place in range(300)])
    log.append([LiveEvent(f"o{place}", "other", "i1", "view", 1) for place in range(300)])
    log._file._writer.execute("PRAGMA secure_delete = 0")
    count, traces = log.erase(LONG)
    log.file.scrub()
    assert (count, len(traces)) == (300, 16)
    assert log.file.holds(traces), "or this test shows nothing"
    log.file.scrub(rewrite=True)
    assert log.file.holds(traces) == 0
    assert len(log.of_user("other", 1_000)) == 300
    log.close()


def test_places_stay_and_whoever_follows_goes_on(log: SqliteEventLog, store: SqliteStateStore) -> None:
    worker = Worker(log, store, lambda _: ())
    log.append([LiveEvent("a", "ann", "i1", "view", 1), LiveEvent("b", "ben", "i2", "view", 2), LiveEvent("c", "ann", "i3", "view", 3)])
    log.erase("ann")
    assert log.end() == {0: 4}
    assert [type(one) for one in read_all(log)] == [Erased, LiveEvent, Erased]
    assert worker.step() == 3
    assert store.positions() == {0: 4}
    assert store.names("user:") == [user_key("ben")]
    assert store.names(DEAD) == []
    log.append([LiveEvent("a", "ann", "i5", "view", 4)])
    assert log.last_of_user("ann") == 4, "places are not given twice"


def test_a_worker_that_had_read_the_events_does_not_bring_them_back(log: SqliteEventLog, store: SqliteStateStore) -> None:
    """The worker has read the log, but not yet stored what follows, when the user is forgotten."""
    log.append([LiveEvent("a", "ann", "i1", "view", 1), LiveEvent("b", "ben", "i2", "view", 2)])
    eraser = eraser_of(log, store)

    class Slow(SqliteStateStore):
        def put(self, *args: Any, **named: Any) -> bool:
            if named.get("after") and not done:
                done.append(True)
                eraser.choices.forget("ann", log.end())
                log.erase("ann")
            return store.put(*args, **named)

    done: list[bool] = []
    other = Slow(store.file.path)
    Worker(log, other, lambda _: ()).step()
    other.close()
    assert store.get([user_key("ann")])[0] is not None, "this is the race"
    assert eraser.forget("ann").clean
    assert store.names("user:") == [user_key("ben")]


def test_a_log_that_cannot_delete_is_not_read_any_more(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, kafka_broker() as kafka:
        log, store = KafkaEventLog(f"127.0.0.1:{kafka}"), RedisStateStore(f"redis://127.0.0.1:{redis}/0")
        choices = Choices(store)
        worker = Worker(log, store, lambda _: ())

        def follow() -> None:
            while sum(worker.lag().values()):
                worker.step(0.2)

        log.append([LiveEvent(str(place), user, "i1", "view", 1) for place, user in enumerate(("ann", "ben", "ann"))])
        follow()
        from_holders = Eraser(log, store, choices, [States(store), DeadLetters(store)])
        receipt = from_holders.forget("ann")
        assert receipt.clean
        assert receipt.deleted == {"state store": 1, "dead letters": 0}
        worker.replay()
        follow()
        assert store.names("user:") == [user_key("ben")]
        log.append([LiveEvent("9", "ann", "i2", "view", 2)])
        follow()
        (found,) = store.get([user_key("ann")])
        assert found is not None
        assert [one.item_id for one in UserState.from_bytes(found.value).recent] == ["i2"], "a later event is one of a new user"
        log.close()
        store.close()


@pytest.mark.parametrize(
    ("content", "whose"),
    [
        (repr(LiveEvent("e", "ann", "i", "view", 1)), "ann"),
        ('{"user_id": "ann", "x"', "ann"),
        ('{"user_id": "ünï"', "ünï"),
        (json.dumps({"user_id": "ünï"}), "ünï"),
        ("'o''brien'", ""),
    ],
)
def test_dead_letters_are_found_by_whom_they_name(store: SqliteStateStore, content: str, whose: str) -> None:
    store.put({f"{DEAD}0:{place}": Write(json.dumps({"content": text}).encode()) for place, text in enumerate((content, "{}", '"anna"'))})
    letters = DeadLetters(store)
    found = {name: letters.find(name) for name in ("ann", "ünï", "an", "e")}
    assert {name for name, count in found.items() if count and name != "e"} == ({whose} if whose else set())
    if whose:
        assert (letters.forget(whose).count, letters.find(whose), letters.find("anna")) == (1, 0, 1)


def test_a_receipt_that_is_none_is_unknown(log: SqliteEventLog, store: SqliteStateStore) -> None:
    with pytest.raises(UnknownIdError, match="no such receipt"):
        eraser_of(log, store).receipt("nothing")


def test_nothing_of_a_user_is_counted_with_their_id(log: SqliteEventLog, store: SqliteStateStore) -> None:
    """Trends and what goes together have no user in them, so there is nothing of a user to delete."""
    log.append([LiveEvent(f"{place}", LONG, f"i{place}", "view", 100 + place) for place in range(9)])
    Worker(log, store, lambda _: ()).step()
    rows = sqlite3.connect(store.file.path).execute("SELECT key, value FROM states").fetchall()
    assert {bytes(key).split(b":")[0] for key, _ in rows} == {b"user", b"trend", b"with"}
    assert [key for key, value in rows if LONG.encode() in key + value] == [user_key(LONG).encode()]


def test_the_commands_export_and_forget_while_a_server_runs(tiny_release_folder: Path, tmp_path: Path, tiny_release: Release) -> None:
    folder = shutil.copytree(tiny_release_folder, tmp_path / "release")
    log, store = SqliteEventLog(tmp_path / "state" / "events.sqlite"), SqliteStateStore(tmp_path / "state" / "state.sqlite")

    def said(*words: str) -> Any:
        done = CliRunner().invoke(commands, ["user", *words, "--release", str(folder)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    with TestClient(create_app(tiny_release, log=log, store=store), raise_server_exceptions=False) as client:
        send(client, "u1", "i3")
        followed(log, store)
        rows = client.get("/v1/users/u1").json()["events"] - 1
        assert len(said("export", "u1")["release"]) >= rows > 0
        receipt = said("forget", "u1")
        assert (receipt["deleted"]["event log"], receipt["kept"]) == (1, [])
        assert list(receipt["rewritten"].values()) == [len(tiny_release.histories.row(tiny_release.users.code("u1") - 1))]
        assert listed(client, "u1") == listed(client, "stranger"), "the running server knows at once"
    anew = load_release(folder)
    assert "u1" not in anew.users
    assert len(anew.users) == len(tiny_release.users) - 1
    for user in ("u2", "u40"):
        rows_of = [one.histories.row(one.users.code(user) - 1).tolist() for one in (tiny_release, anew)]
        assert rows_of[0] == rows_of[1]
    log.close()
    store.close()


def test_lists_that_were_shown_are_deleted_too(log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path) -> None:
    served = SqliteServedLog(tmp_path / "served.sqlite")
    for place, user in enumerate([LONG, "ben", LONG, None]):
        served.append(Served(f"r{place}", time.time() + place, user, "release", "dense", ("i1",), (1.0,), {}, 3.0, {}))
    choices = Choices(store)
    eraser = Eraser(log, store, choices, [FileLog(log), Answers(served), States(store)])
    assert [one["request_id"] for one in eraser.export(LONG)["log of answers"]] == ["r0", "r2"]
    receipt = eraser.forget(LONG)
    assert receipt.clean
    assert receipt.deleted["log of answers"] == 2
    assert [one.request_id for one in served.since(0.0)] == ["r1", "r3"]
    assert LONG.encode() not in (tmp_path / "served.sqlite").read_bytes()
    served.close()


def test_who_came_back_is_seen_by_releases_that_were_made_since(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore
) -> None:
    """A release says up to where it has read the log; of who was forgotten its rows are not read, so all of the log counts."""
    choices = Choices(store)
    choices.forget("u1", {0: 1})
    log.append([LiveEvent("a", "u1", "i5", "view", 1_700_000_000), LiveEvent("b", "u2", "i5", "view", 1_700_000_000)])
    state = LiveState(tiny_release.space.catalog, tiny_release.users, tiny_release.histories, log, positions={0: 3}, choices=choices)
    assert len(state.person("u1").past) == 1
    assert len(state.person("u2").past) == len(tiny_release.histories.row(tiny_release.users.code("u2") - 1))


def test_values_that_cannot_be_read_are_exported_as_they_are(client: TestClient, store: SqliteStateStore) -> None:
    spoilt = ("review:u1", "reviewed:u1", "steering:u1")
    assert store.put({key: Write(b"\xffspoilt") for key in spoilt})
    answer = client.get("/v1/users/u1/export")
    assert answer.status_code == 200
    held = {one["key"]: one for one in answer.json()["held"]["state store"]}
    assert [held[key] for key in spoilt] == [{"key": key, "damaged": b"\xffspoilt".hex()} for key in spoilt]
