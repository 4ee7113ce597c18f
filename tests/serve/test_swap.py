"""One release after the other in a running server: no request fails, and what is broken is not served."""

from __future__ import annotations

import gc
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import StorageError
from penchant.pipeline.release import KIND, Release, load_release
from penchant.pipeline.shelf import POINTER, Shelf
from penchant.serve import swap
from penchant.serve.app import create_app
from penchant.serve.service import Service
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.swap import Current, Following

FIRST, SECOND = "tiny", "tiny anew"


def renamed(release: Path, folder: Path, dataset: str) -> Path:
    """The same release of a data set of another name."""
    with write_artifact(folder, kind=KIND, settings={**read_artifact(release).manifest.settings, "dataset": dataset}) as out:
        shutil.copytree(release, out.path, dirs_exist_ok=True, ignore=lambda place, _: ["manifest.json"] if Path(place) == release else [])
    return folder


@pytest.fixture
def shelf(tiny_release_folder: Path, tmp_path: Path) -> Shelf:
    """With two releases, the first live."""
    made = Shelf(tmp_path / "shelf")
    made.promote(made.add(tiny_release_folder))
    made.add(renamed(tiny_release_folder, tmp_path / "second", SECOND))
    return made


@pytest.fixture
def names(shelf: Shelf) -> dict[str, str]:
    return {str(one.manifest.settings["dataset"]): one.name for one in shelf.releases()}


@pytest.fixture
def app(shelf: Shelf, log: SqliteEventLog) -> FastAPI:
    return create_app(load_release(shelf.live_path()), log=log, shelf=shelf)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(600):
        if holds():
            return True
        time.sleep(0.05)
    return False


def served(client: TestClient) -> str:
    return client.get("/v1/health").json()["dataset"]


def test_forth_and_back_under_load_without_a_failed_request(client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = client.post("/v1/recommend", json={"user_id": "u1", "k": 5})
            answers.append((answer.status_code, answer.json()["release"]))

    visitors = [threading.Thread(target=ask) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    shelf.promote(names[SECOND])
    assert eventually(lambda: served(client) == SECOND)
    shelf.rollback()
    assert eventually(lambda: served(client) == FIRST)
    done.set()
    for visitor in visitors:
        visitor.join()
    assert {status for status, _ in answers} == {200}
    assert {release for _, release in answers} == {one.manifest.id for one in shelf.releases()}


def test_what_happened_before_the_swap_counts_after_it(client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    client.post("/v1/events", json={"events": [{"user_id": "newcomer", "item_id": "i3", "event": "like"}]})
    shelf.promote(names[SECOND])
    assert eventually(lambda: served(client) == SECOND)
    found = client.post("/v1/recommend", json={"user_id": "newcomer", "k": 5}).json()
    assert found["history_length"] == 1
    assert "i3" not in [one["item_id"] for one in found["items"]]


def test_the_old_release_is_let_go(app: FastAPI, client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    old = app.state.current.service
    lanes = [lane._thread for lane in old.calls.lanes.values() if lane._thread is not None]
    gone = weakref.ref(old.release)
    assert lanes
    del old
    shelf.promote(names[SECOND])
    assert eventually(lambda: served(client) == SECOND)
    assert eventually(lambda: not any(thread.is_alive() for thread in lanes))
    assert eventually(lambda: gc.collect() >= 0 and gone() is None), "nothing may hold the memory of a release that is not served"


def test_a_release_that_cannot_be_loaded_changes_nothing(app: FastAPI, client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    shelf.promote(names[SECOND])
    weights = next((shelf.get(names[SECOND]).path / "models").rglob("*.safetensors"))
    weights.unlink()
    assert eventually(lambda: app.state.following.refused is not None)
    assert app.state.following.refused[0] == names[SECOND]
    assert served(client) == FIRST
    shelf.rollback()
    assert eventually(lambda: app.state.following.refused is None)
    assert client.post("/v1/recommend", json={"user_id": "u1", "k": 5}).status_code == 200


def test_a_release_that_could_not_be_loaded_is_tried_again(
    app: FastAPI, client: TestClient, shelf: Shelf, names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_FIRST", 0.2)
    following = app.state.following
    following._pause = 0.2
    make, tries = following.make, []

    def busy(release: Release) -> Service:
        tries.append(release)
        if len(tries) < 3:
            raise StorageError("the disk", "it is busy", "try again")
        return make(release)

    monkeypatch.setattr(following, "make", busy)
    shelf.promote(names[SECOND])
    assert eventually(lambda: served(client) == SECOND)
    assert len(tries) == 3
    assert following.refused is None


def test_a_damaged_shelf_changes_nothing(app: FastAPI, client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    whole = (shelf.folder / POINTER).read_text()
    (shelf.folder / POINTER).write_text("{")
    assert eventually(lambda: app.state.following.refused is not None)
    assert served(client) == FIRST
    (shelf.folder / POINTER).write_text(whole)
    shelf.promote(names[SECOND])
    assert eventually(lambda: served(client) == SECOND)


def test_over_http_it_goes_back_and_forth_again(client: TestClient, shelf: Shelf, names: dict[str, str]) -> None:
    refused = client.post("/v1/releases/promote", json={"release": names[SECOND]})
    assert refused.status_code == 422
    assert "never live" in refused.json()["error"]["rule"]
    shelf.promote(names[SECOND], why="anew", checks={"passed": True, "checks": []})
    assert client.post("/v1/releases/rollback", json={"why": "it was not"}).json()["after"] == names[FIRST]
    assert client.post("/v1/releases/rollback", json={}).status_code == 422
    assert client.post("/v1/releases/promote", json={"release": names[SECOND]}).json()["way"] == "promoted"
    assert eventually(lambda: client.get("/v1/releases").json()["served"] == names[SECOND])
    found = client.get("/v1/releases").json()
    assert [(one["name"], one["live"]) for one in found["releases"]] == [(names[FIRST], False), (names[SECOND], True)]
    assert [(move["way"], move["why"], move["passed"]) for move in found["moves"]] == [
        ("promoted", "", None),
        ("promoted", "anew", True),
        ("rolled back", "it was not", None),
        ("promoted", "", None),
    ]
    assert (found["loading"], found["refused"]) == (None, None)


def test_a_server_of_one_release_says_so(tiny_release_folder: Path, tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    with TestClient(create_app(load_release(tiny_release_folder), log=log)) as client:
        answer = client.get("/v1/releases")
    log.close()
    assert answer.status_code == 404
    assert "--release SHELF" in answer.json()["error"]["remedy"]


class Ended:
    """Stands for a service where nothing is asked of it but to end."""

    def __init__(self) -> None:
        self.ended = 0

    def close(self) -> None:
        self.ended += 1


def test_a_service_is_closed_once_by_the_last_who_uses_it() -> None:
    first, second = Ended(), Ended()
    current = Current(first)  # type: ignore[arg-type]
    one, other = current.take(), current.take()
    current.replace(second)  # type: ignore[arg-type]
    assert current.take() is second
    assert not current.alone
    current.give(one)
    assert first.ended == 0
    current.give(other)
    assert (first.ended, second.ended) == (1, 0)
    assert current.alone


def test_a_service_that_nobody_uses_is_closed_when_replaced() -> None:
    first = Ended()
    current = Current(first)  # type: ignore[arg-type]
    current.give(current.take())
    current.replace(Ended())  # type: ignore[arg-type]
    assert first.ended == 1


def test_while_it_loads_the_old_one_answers(
    app: FastAPI, client: TestClient, shelf: Shelf, names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    go, build = threading.Event(), Service.of

    def slowly(*arguments: object) -> Service:
        go.wait(20)
        return build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Service, "of", slowly)
    shelf.promote(names[SECOND])
    assert eventually(lambda: app.state.following.loading == names[SECOND])
    assert served(client) == FIRST
    go.set()
    assert eventually(lambda: served(client) == SECOND)
    assert isinstance(app.state.following, Following)
    assert eventually(lambda: app.state.following.loading is None)
