"""One session in three scenes: what must not be shown to somebody is in no list, in no search, and near no item."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.core.errors import StorageError
from penchant.pipeline.changes import without_items
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore

SPACE = {f"i{number}" for number in range(1, 61) if number % 4 == 1 or ((number - 1) // 4) % 4 == 0}  # category Space, first or second
ALL = "story return night song house last"  # a word of every title
PAGES = range(1, 61, 3)


@contextmanager
def serving(release: Release, log: SqliteEventLog, store: SqliteStateStore, rules: str, folder: Path) -> Iterator[TestClient]:
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    settings = ServeSettings(rules=folder / "rules.yaml")
    with TestClient(create_app(release, log=log, store=store, settings=settings, follow=False)) as client:
        yield client


def scenes(client: TestClient, user: str | None = None) -> dict[str, set[str]]:
    """Everything that somebody is shown in each scene; all answers name the same rules."""

    def answered(method: str, address: str, **asked: Any) -> dict[str, Any]:
        answer = client.request(method, address, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    found = [
        ("list", answered("POST", "/v1/recommend", json={"user_id": user, "k": 60, "exclude_seen": False}), ("items",)),
        ("search", answered("POST", "/v1/search", json={"query": ALL, "k": 60, "user_id": user}), ("items",)),
        *(
            ("item", answered("GET", f"/v1/items/i{n}", params={} if user is None else {"user_id": user}), ("similar", "bought_with"))
            for n in PAGES
        ),
    ]
    assert len({answer["rules"] for _, answer, _ in found}) == 1
    shown: dict[str, set[str]] = {"list": set(), "search": set(), "item": set()}
    for scene, answer, parts in found:
        for part in parts:
            shown[scene] |= {one["item_id"] for one in answer[part]}
    return shown


def showing(client: TestClient, *items: str, user: str | None = None) -> list[set[str]]:
    """The scenes that show each of the items."""
    found = scenes(client, user)
    return [{scene for scene, shown in found.items() if item in shown} for item in items]


NOWHERE: set[str] = set()
EVERYWHERE = {"list", "search", "item"}


def test_what_rules_exclude_for_everybody(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path) -> None:
    with serving(tiny_release, log, store, "rules: []", tmp_path) as client:
        open_rules = client.get("/v1/rules").json()["version"]
        assert all(shown & SPACE for shown in scenes(client).values())
    with serving(tiny_release, log, store, "rules: [{rule: exclude, where: {categories: [Space]}}]", tmp_path) as client:
        shown = scenes(client)
        assert all(shown.values()) and not any(shown & SPACE for shown in shown.values())
        answer = client.get("/v1/items/i1").json()
        assert (answer["item_id"], answer["rules"] != open_rules) == ("i1", True), "who has its address may see an item"
        assert answer["similar"] and answer["missing"] == []


def test_windows_and_audiences_hold_in_all_scenes(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path
) -> None:
    now = int(time.time())
    rules = f"""rules:
  - {{rule: exclude, where: {{items: [i5]}}, starts: {now - 100}, ends: {now + 10_000}}}
  - {{rule: exclude, where: {{items: [i6]}}, starts: {now + 10_000}}}
  - {{rule: exclude, where: {{items: [i7]}}, audience: {{users: [u1]}}}}
  - {{rule: exclude, did: {{actions: [purchase]}}}}"""
    with serving(tiny_release, log, store, rules, tmp_path) as client:
        bought = {"user_id": "u1", "item_id": "i9", "event": "purchase", "timestamp": now - 3 * 86_400}
        assert client.post("/v1/events", json={"events": [bought]}).status_code == 202
        for user in (None, "u1", "u2"):
            for_them = NOWHERE if user == "u1" else EVERYWHERE
            assert showing(client, "i5", "i6", "i7", "i9", user=user) == [NOWHERE, EVERYWHERE, for_them, for_them]
        client.post("/v1/users/u1/consent", json={"personalised": False})
        assert scenes(client, "u1") == scenes(client), "who opted out is nobody to rules"
        client.post("/v1/users/u1/consent", json={"personalised": True})
        client.post("/v1/users/u1/steering", json={"steer": {"ignore": [{"days_ago": 3}]}})
        assert showing(client, "i9", user="u1") == [EVERYWHERE], "what does not count for lists counts for no scene"


def test_what_somebody_hid_is_gone_from_all_scenes_and_for_them_alone(client: TestClient) -> None:
    for user in ("u2", "new"):
        assert showing(client, "i5", user=user) == [EVERYWHERE]
        client.post("/v1/events", json={"events": [{"user_id": user, "item_id": "i5", "event": "hide"}]})
        assert showing(client, "i5", user=user) == [NOWHERE]
    for user in (None, "u3"):
        assert showing(client, "i5", user=user) == [EVERYWHERE]
    client.post("/v1/events", json={"events": [{"user_id": "u2", "item_id": "i5", "event": "undo"}]})
    assert showing(client, "i5", user="u2") == [EVERYWHERE]


def test_stock_and_blocked_items_are_gone_for_everybody(tiny_release: Release, log: SqliteEventLog) -> None:
    with TestClient(create_app(without_items(tiny_release, ["i9"]), log=log)) as client:
        client.post("/v1/stock", json={"out": ["i5"]})
        for user in (None, "u1"):
            assert showing(client, "i5", "i9", user=user) == [NOWHERE, NOWHERE]
        client.post("/v1/stock", json={"back": ["i5"]})
        assert showing(client, "i5", "i9") == [EVERYWHERE, NOWHERE]


def test_where_a_user_cannot_be_read_the_answer_says_so(
    tiny_release: Release, log: SqliteEventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(tiny_release, log=log)

    def fails(user_id: str) -> int:
        raise StorageError("log", "it does not answer", "start it")

    with TestClient(app) as client:
        monkeypatch.setattr(app.state.current.service.state.events, "last_of_user", fails)
        found = client.post("/v1/search", json={"query": "star", "user_id": "u1"}).json()
        assert (bool(found["items"]), found["missing"]) == (True, ["live events"])
        assert client.get("/v1/items/i1", params={"user_id": "u1"}).json()["missing"] == ["live events"]
        assert client.get("/v1/items/i1").json()["missing"] == []
        assert 'penchant_parts_missing_total{part="live events"} 2.0' in client.get("/metrics").text


def test_everything_excluded_leaves_empty_scenes(
    tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, tmp_path: Path
) -> None:
    with serving(tiny_release, log, store, "rules: [{rule: exclude, where: {year: {least: 0}}}]", tmp_path) as client:
        assert scenes(client, "u1") == {"list": set(), "search": set(), "item": set()}
