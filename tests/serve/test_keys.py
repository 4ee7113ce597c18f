"""Keys: kept as hashes, followed while the server runs, asked for at every door but a few."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance
from starlette.testclient import TestClient
from typer.testing import CliRunner

from penchant.cli.main import app as commands
from penchant.core.errors import ArtifactError, SettingsError, UnknownIdError
from penchant.pipeline.release import Release
from penchant.serve import keys as keys_module
from penchant.serve.app import create_app
from penchant.serve.guard import WATCH, needed
from penchant.serve.keys import SCOPES, KeyFile, KeyRing
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from tests.serve.test_fuzz import ROUTES


class Clock:
    """UTC seconds that a test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is looked at with each request."""
    monkeypatch.setattr(keys_module, "_LOOK", 0.0)


@pytest.fixture
def guarded(tiny_release: Release, file: KeyFile, tmp_path: Path) -> Iterator[TestClient]:
    file.add("nobody", ["read"], seconds=0)
    log, store = SqliteEventLog(tmp_path / "events.sqlite"), SqliteStateStore(tmp_path / "state.sqlite")
    app = create_app(tiny_release, log=log, store=store, settings=ServeSettings(keys=file.path))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
    log.close()
    store.close()


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_a_secret_is_shown_once_and_only_its_hash_is_kept(file: KeyFile) -> None:
    secrets = [file.add("shop", ["read", "events", "read"]) for _ in range(5)]
    assert len(set(secrets)) == 5
    text = file.path.read_text()
    for secret in secrets:
        assert re.fullmatch(r"pk_[0-9a-f]{8}_[\w-]{43}", secret), "256 bits"
        assert secret.split("_", 2)[2] not in text
    assert file.read()[0].scopes == ("read", "events")


def test_a_ring_knows_its_keys_and_no_others(file: KeyFile) -> None:
    secret = file.add("shop", ["read"])
    other = file.add("till", ["events"])
    ring = KeyRing(file.path)
    assert [(key.name, key.scopes) for key in map(ring.who, (secret, other)) if key] == [("shop", ("read",)), ("till", ("events",))]
    crossed = "_".join([*secret.split("_", 2)[:2], other.split("_", 2)[2]])
    for wrong in ("", "pk", "pk__", secret[:-1], secret + "x", secret.upper(), crossed, f"pk_{'0' * 8}_", other[3:]):
        assert ring.who(wrong) is None, wrong


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=80))
def test_no_text_opens_or_breaks_a_ring(file: KeyFile, text: str) -> None:
    if not file.path.exists():
        file.add("shop", ["read"])
    assert KeyRing(file.path).who(text) is None


def test_a_key_ends_when_it_says_and_rotation_leaves_a_while_for_both(file: KeyFile) -> None:
    clock = Clock()
    file = KeyFile(file.path, clock=clock)
    first = file.add("shop", ["read", "users"])
    short = file.add("shop", ["read"], seconds=20)
    second = file.rotate("shop", grace_seconds=50)
    ring = KeyRing(file.path, clock=clock)
    found = ring.who(second)
    assert found is not None
    assert found.scopes == ("read", "users")

    def valid(now: float) -> list[bool]:
        clock.now = now
        return [ring.who(secret) is not None for secret in (first, short, second)]

    assert valid(1_019.9) == [True, True, True]
    assert valid(1_020) == [True, False, True], "rotation does not make a key live longer"
    assert valid(1_050) == [False, False, True]
    assert file.revoke("shop") == 1
    assert valid(1_050) == [False, False, False]
    with pytest.raises(UnknownIdError, match="penchant keys add"):
        file.rotate("shop")
    with pytest.raises(UnknownIdError, match="penchant keys list"):
        file.revoke("shop")


def test_what_is_no_key_file_or_name_is_refused(file: KeyFile) -> None:
    with pytest.raises(ArtifactError, match="penchant keys add"):
        KeyRing(file.path)
    for name in ("", "two words", "-x", "a" * 65, "a\n"):
        with pytest.raises(SettingsError):
            file.add(name, ["read"])
    with pytest.raises(SettingsError):
        file.add("shop", [])
    for text in ("", "[]", "{}", '{"format": 2, "keys": []}', '{"format": 1, "keys": [{}]}', "\xff"):
        file.path.write_text(text)
        with pytest.raises(ArtifactError, match="no key file"):
            file.read()


def test_without_a_key_nothing_but_the_page_and_the_watch_is_open(guarded: TestClient) -> None:
    for open_to_all in ("/", "/console/app.js", "/openapi.json", *WATCH[:1]):
        assert guarded.get(open_to_all).status_code == 200, open_to_all
    for method, address in (
        ("GET", "/v1/users"),
        ("POST", "/v1/recommend"),
        ("GET", "/metrics"),
        ("GET", "/v1/nothing"),
        ("DELETE", "/v1/"),
    ):
        answer = guarded.request(method, address)
        assert (answer.status_code, list(answer.json()["error"])) == (401, ["value", "rule", "remedy"])
        assert answer.headers["www-authenticate"] == 'Bearer realm="penchant"'
        assert answer.headers["x-request-id"]
    wrong = guarded.get("/v1/users", headers=bearer("pk_00000000_x"))
    assert wrong.headers["www-authenticate"].endswith('error="invalid_token"')
    assert guarded.get("/v1/users", headers={"authorization": "Basic eDp5"}).status_code == 401


ASKED: dict[str, tuple[str, str, Any]] = {
    "read": ("POST", "/v1/search", {"query": "moon"}),
    "events": ("POST", "/v1/events", {"events": [{"user_id": "u", "item_id": "i1", "event": "view"}]}),
    "users": ("GET", "/v1/users/u1", None),
    "admin": ("GET", "/metrics", None),
}


@pytest.mark.parametrize("mine", SCOPES)
def test_a_key_opens_its_scope_alone(guarded: TestClient, file: KeyFile, mine: keys_module.Scope) -> None:
    headers = bearer(file.add("one", [mine]))
    for scope, (method, address, body) in ASKED.items():
        answer = guarded.request(method, address, json=body, headers=headers)
        assert answer.status_code in ((200, 202) if scope == mine else (403,)), (scope, answer.text)
        if scope != mine:
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]
            assert scope in answer.json()["error"]["rule"]


def test_every_route_has_a_scope_and_what_nobody_named_is_an_operation(guarded: TestClient) -> None:
    described = guarded.get("/openapi.json").json()
    found = {path: needed(path) for path in described["paths"]}
    assert {path for path, scope in found.items() if scope is None} <= set(WATCH)
    assert found["/v1/users/{user_id}"] == "users"
    assert needed("/v1/whatever/comes") == needed("/v1//users") == "admin"
    assert described["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}


def test_a_change_of_the_file_counts_while_the_server_runs(guarded: TestClient, file: KeyFile) -> None:
    secret = file.add("late", ["read"])
    ask = {"url": "/v1/trending", "headers": bearer(secret)}
    assert guarded.get(**ask).status_code == 200
    file.revoke("late")
    assert guarded.get(**ask).status_code == 401
    good = file.path.read_bytes()
    secret = file.add("later", ["read"])
    ask = {"url": "/v1/trending", "headers": bearer(secret)}
    better = file.path.read_bytes()
    for spoilt in (better[:-20], b"", None):
        file.path.unlink() if spoilt is None else file.path.write_bytes(spoilt)
        for _ in range(2):
            answer = guarded.get(**ask)
            assert (answer.status_code, answer.json()["error"]["value"]) == (503, "the key file")
    file.path.write_bytes(better)
    assert guarded.get(**ask).status_code == 200
    file.path.write_bytes(good)
    assert guarded.get(**ask).status_code == 401


CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def check(operation: Any, headers: dict[str, str], without_key: int | None) -> None:
    """Send some of everything that the description allows, with a key and with none that is valid."""

    @settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def asked(case: schemathesis.Case) -> None:
        with_key = case.call_and_validate(headers=headers, checks=CHECKS).status_code
        assert with_key not in (401, 403)
        without = case.call_and_validate(headers=bearer("nothing"), checks=CHECKS).status_code
        assert without == (without_key or with_key)

    asked()


def test_nothing_that_is_sent_with_a_key_or_without_breaks_the_service(guarded: TestClient, file: KeyFile) -> None:
    headers = bearer(file.add("all", list(SCOPES)))
    described = schemathesis.openapi.from_asgi("/openapi.json", guarded.app)
    for method, path in ROUTES:
        check(described[path][method], headers, 401 if needed(path) else None)


def test_the_commands_make_list_rotate_and_revoke(tmp_path: Path) -> None:
    place = ["--keys", str(tmp_path / "deep" / "keys.json")]

    def done(*words: str) -> str:
        result = CliRunner().invoke(commands, ["keys", *words, *place], catch_exceptions=False, env={"COLUMNS": "200"})
        assert result.exit_code == 0
        return result.stdout

    secret = done("add", "shop", "--scope", "read", "--scope", "events", "--days", "90").strip()
    ring = KeyRing(Path(place[1]))
    assert ring.who(secret) is not None
    (row,) = json.loads(Path(place[1]).read_text())["keys"]
    assert row["ends"] - row["made"] == 90 * 86_400
    assert "read, events" in done("list")
    newer = done("rotate", "shop", "--grace-hours", "0").strip()
    assert (ring.who(secret), ring.who(newer) is not None) == (None, True)
    assert done("revoke", "shop").strip() == "Revoked: 1"
    assert "no" in done("list").split()
    assert ring.who(newer) is None
