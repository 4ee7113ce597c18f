"""Rules and stock that change while lists are made."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.core.errors import InputError, SettingsError
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.live_rules import LiveRules
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stock import Stock
from penchant.serve.stores import Write

NO_SPACE = "rules:\n  - rule: exclude\n    where: {categories: [Space]}\n"


def ask(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.post("/v1/recommend", json={"user_id": "u1", "k": 20, **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


def spaces(answer: dict[str, Any]) -> int:
    return sum("Space" in item["categories"] for item in answer["items"])


def write(path: Path, text: str) -> None:
    """A change that is seen however coarse the clock of the file system is."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def test_a_file_is_followed_while_it_is_good_and_told_when_it_is_not(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    write(path, "rules: []")
    app = create_app(tiny_release, log=log, settings=ServeSettings(rules=path))
    rules = app.state.current.service.backend.rules
    with TestClient(app) as client:
        first = ask(client)
        assert spaces(first) > 0
        write(path, NO_SPACE + "  - {rule: exclude, where: {brands: [Acmee]}}")
        for _ in range(100):  # the thread looks once a second
            if client.get("/v1/rules").json()["version"] != first["rules"]:
                break
            time.sleep(0.05)
        told = client.get("/v1/rules").json()
        second = ask(client)
        assert (spaces(second), second["rules"], told["file"]) == (0, told["version"], "rules.yaml")
        assert told["unknown"] == [{"line": 4, "name": "brands: Acmee"}]
        assert told["rules"][0] == {"rule": "exclude", "where": {"categories": ["Space"]}}
        for model in tiny_release.models:
            assert spaces(ask(client, model=model)) == 0, "what rules exclude no model shows"
        for bad, line in (("rules:\n  - rule: spaceing", 2), ("rules:\n  - rule: spacing\n  - {rule: spacing, by: colour}", 3)):
            write(path, bad)
            rules.look()
            told = client.get("/v1/rules").json()
            assert told["refused"]["value"].startswith(f"rules.yaml, line {line}: ")
            assert ask(client)["rules"] == told["version"] == second["rules"], "the last good ones stay"
            assert "penchant_rules_refused 1.0" in client.get("/metrics").text
        path.unlink()
        rules.look()
        assert "cannot be read" in client.get("/v1/rules").json()["refused"]["rule"]
        write(path, "rules: []")
        rules.look()
        assert client.get("/v1/rules").json()["refused"] is None
        assert [item["item_id"] for item in ask(client)["items"]] == [item["item_id"] for item in first["items"]]


def test_a_server_does_not_start_with_bad_rules(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    with pytest.raises(InputError, match="cannot be read"):
        create_app(tiny_release, log=log, settings=ServeSettings(rules=path))
    path.write_text("rules:\n  - {rule: spacing, by: colour}")
    with pytest.raises(SettingsError, match=r"rules\.yaml, line 2: column 'colour': the catalogue has no such column"):
        create_app(tiny_release, log=log, settings=ServeSettings(rules=path))


def test_a_new_release_follows_the_same_rules(tiny_release: Release, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    write(path, NO_SPACE)
    rules, old, new = LiveRules(path), tiny_release.recommender(), tiny_release.recommender()
    rules.attach(old)
    write(path, "rules: []")
    rules.attach(new)
    assert new.policy.version == old.policy.version == rules.file.rules.version
    rules.look()
    assert len(old.policy.rules.rules) == len(new.policy.rules.rules) == 0
    del old
    write(path, NO_SPACE)
    rules.look()
    assert len(new.policy.rules.rules) == 1


def test_the_same_request_id_gives_the_same_chances(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    write(path, "rules:\n  - {rule: explore, chance: 0.5, where: {events: {most: 8}}}")
    with TestClient(create_app(tiny_release, log=log, settings=ServeSettings(rules=path))) as client:

        def listed(request_id: str) -> list[tuple[Any, ...]]:
            answer = client.post("/v1/recommend", json={"user_id": "u1"}, headers={"x-request-id": request_id}).json()
            return [(item["item_id"], item["propensity"], *item["labels"], item["reason"]["text"]) for item in answer["items"]]

        assert listed("a") == listed("a")
        assert len({tuple(listed(str(number))) for number in range(5)}) == 5
        drawn = [row for row in listed("a") if "explored" in row]
        assert drawn and all(0 < row[1] < 1 and row[-1] == "Shown to find out who likes it" for row in drawn)


def test_what_is_out_of_stock_is_gone_at_once_and_comes_back(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    with TestClient(create_app(tiny_release, log=log, store=store, follow=False)) as client:
        before = [item["item_id"] for item in ask(client)["items"]]
        gone = before[:3]
        assert client.post("/v1/stock", json={"out": gone}).json() == {"out": sorted(gone)}
        for model in (None, *tiny_release.models):
            assert not set(gone) & {item["item_id"] for item in ask(client, model=model)["items"]}
        assert client.get("/v1/stock").json() == {"out": sorted(gone)}
        assert client.post("/v1/stock", json={"out": ["i999"]}).status_code == 404
        other = Stock(store)
        assert other.out() == frozenset(gone), "other servers read it from the store"
        assert client.post("/v1/stock", json={"back": [*gone, "i999"]}).json() == {"out": []}
        assert [item["item_id"] for item in ask(client)["items"]] == before
    store.close()
    assert other.out() == frozenset(gone), "what was known a moment ago, while the store is away"


def test_stock_is_read_anew_every_second_and_kept_without_a_store(tmp_path: Path) -> None:
    now = [0.0]
    store = SqliteStateStore(tmp_path / "state.sqlite")
    one, other = Stock(store, clock=lambda: now[0]), Stock(store, clock=lambda: now[0])
    assert one.out() == other.out() == frozenset()
    one.change(["a", "b"], ["b"])
    assert (one.out(), other.out()) == (frozenset({"a"}), frozenset())
    now[0] = 1.1
    assert other.out() == frozenset({"a"})
    (kept,) = store.get(["stock"])
    assert kept is not None
    store.put({"stock": Write(b"{", kept.version)})
    now[0] = 2.2
    assert other.out() == frozenset({"a"}), "what cannot be read changes nothing"
    store.close()
    alone = Stock(None)
    assert alone.change(["x"], []) == alone.out() == frozenset({"x"})
