"""What holds for every answer: bad input, headers, files, sizes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.core.errors import ArtifactError, InputError, StorageError, UnknownIdError
from penchant.serve.body_limit import LIMIT
from penchant.serve.refusals import status_of


@pytest.fixture(scope="module")
def client(shared: TestClient) -> TestClient:
    """These tests leave nothing behind."""
    return shared


JSON = {"content-type": "application/json"}
POSTS = ("/v1/recommend", "/v1/search", "/v1/events")
EVENT = {"user_id": "u", "item_id": "i1", "event": "like"}


def check_refused(answer: Any, status: int) -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["error"]
    error = body["error"]
    assert list(error) == ["value", "rule", "remedy"]
    assert all(isinstance(part, str) and part for part in error.values())
    assert len(answer.content) < 1_000
    return error


BROKEN = {
    "empty": b"",
    "not JSON": b"hello",
    "cut": b'{"k": 1',
    "two values": b"{} {}",
    "NaN": b'{"k": NaN}',
    "infinity": b'{"k": -Infinity}',
    "huge float": b'{"k": 1e999}',
    "huge integer": b'{"k": ' + b"9" * 5_000 + b"}",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"k":' * 100_000,
    "invalid UTF-8": b'{"user_id": "\xff\xfe"}',
    "UTF-16": '{"k": 1}'.encode("utf-16"),
    "lone surrogate": b'{"user_id": "\\ud800"}',
    "surrogate key": b'{"\\udfff": 1}',
    "null byte": b'{"user_id": "a\\u0000b"}',
    "raw control character": b'{"user_id": "a\nb"}',
    "list": b"[]",
    "number": b"7",
    "null": b"null",
    "long key": b'{"' + b"k" * 500_000 + b'": 1}',
    "unknown field": b'{"kk": 1}',
    "text for a number": b'{"k": "5"}',
    "fraction": b'{"k": 1.5}',
    "truth value": b'{"k": true}',
}


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_body_is_422_in_three_parts(client: TestClient, address: str, body: bytes) -> None:
    check_refused(client.post(address, content=body, headers=JSON), 422)


@pytest.mark.parametrize("address", POSTS)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_only_json_is_taken_so_that_no_foreign_page_can_post(client: TestClient, address: str, kind: str) -> None:
    error = check_refused(client.post(address, content=b"{}", headers={"content-type": kind}), 422)
    assert "application/json" in error["remedy"]


@pytest.mark.parametrize(
    ("address", "body", "value", "remedy"),
    [
        ("/v1/recommend", {"k": 0}, "k=0", "pass at least 1"),
        ("/v1/recommend", {"k": 201}, "k=201", "pass at most 200"),
        ("/v1/recommend", {"k": 10**30}, f"k={10**30}", "pass at most 200"),
        ("/v1/recommend", {"k": 61}, "k=61", "pass 1<=k<=60"),
        ("/v1/recommend", {"model": "nope"}, "model='nope'", "pass one of"),
        ("/v1/recommend", {"user_id": ""}, "user_id=''", "pass at least 1"),
        ("/v1/recommend", {"user_id": "x" * 513}, "user_id='xxx", "pass at most 512"),
        ("/v1/recommend", {"user_id": 5}, "user_id=5", "pass text"),
        ("/v1/recommend", {"events": ["i1", 7]}, "events.1=7", "pass"),
        ("/v1/recommend", {"events": [{"item_id": "i1", "event": "lick"}]}, "events.0.event='lick'", "pass one of"),
        ("/v1/recommend", {"events": ["i1"] * 5_001}, "events=", "pass at most 5000"),
        ("/v1/recommend", {"surprise": 1}, "surprise=1", "leave it out"),
        ("/v1/search", {}, "query is missing", "pass query"),
        ("/v1/search", {"query": ""}, "query=''", "pass at least 1"),
        ("/v1/search", {"query": " \t\n\u3000 "}, "query=", "type a word"),
        ("/v1/search", {"query": "x" * 513}, "query='xxx", "pass at most 512"),
        ("/v1/events", {"events": []}, "events=[]", "pass at least 1"),
        ("/v1/events", {"events": [EVENT] * 1_001}, "events=", "pass at most 1000"),
        ("/v1/events", {"events": [EVENT | {"event": "explode"}]}, "events.0.event='explode'", "pass one of"),
        ("/v1/events", {"events": [EVENT | {"timestamp": -1}]}, "events.0.timestamp=-1", "pass at least 0"),
        ("/v1/events", {"events": [EVENT | {"timestamp": 1_700_000_000_000}]}, "events.0.timestamp=1700000000000", "pass at most"),
        ("/v1/events", {"events": [EVENT | {"value": "high"}]}, "events.0.value='high'", "pass a valid"),
        ("/v1/events", {"events": [EVENT | {"user_id": "a\x7fb"}]}, "events.0.user_id='a\\x7fb'", "pass a valid"),
        ("/v1/events", {"events": [{"user_id": "u", "event": "like"}]}, "events.0.item_id is missing", "pass events.0.item_id"),
    ],
)
def test_a_bad_value_is_named_with_its_rule_and_remedy(
    client: TestClient, address: str, body: dict[str, Any], value: str, remedy: str
) -> None:
    error = check_refused(client.post(address, json=body), 422)
    assert error["value"].startswith(value)
    assert error["remedy"].startswith(remedy)


def test_a_number_that_is_not_finite_is_refused(client: TestClient) -> None:
    body = b'{"events": [{"user_id": "u", "item_id": "i1", "event": "rating", "value": 1e999}]}'
    assert check_refused(client.post("/v1/events", content=body, headers=JSON), 422)["value"] == "events.0.value=inf"


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/v1/items/nope", 404),
        ("/v1/items/", 422),
        ("/v1/items/%00", 422),
        ("/v1/items/a/b", 404),
        ("/v1/items/%ED%A0%80", 404),
        ("/v1/items/%FF%FE", 404),
        ("/v1/users/", 422),
        ("/v1/users/%0A", 422),
        ("/v1/users/" + "x" * 513, 422),
        ("/v1/users/u1?limit=-1", 422),
        ("/v1/users/u1?limit=9999999999999999999999", 422),
        ("/v1/users?limit=0", 422),
        ("/v1/users?limit=a", 422),
        ("/v1/users?search=" + "x" * 201, 422),
        ("/v1/codes?prefix=abc", 422),
        ("/v1/codes?prefix=1,,2", 422),
        ("/v1/codes?prefix=999999999", 422),
        ("/v1/codes?prefix=0,0,0,0,0,0,0", 422),
        ("/v1/codes?prefix=-1", 422),
        ("/v1/report/figures/..%2F..%2Fmanifest.json", 404),
        ("/v1/report/figures/%2e%2e", 404),
        ("/v1/report/figures/none.png", 404),
        ("/v1/nothing", 404),
        ("/docs", 404),
        ("/console/..%2Fapp.py", 404),
        ("/console/%2e%2e/app.py", 404),
        ("/console/nothing.js", 404),
        ("/console/%00", 404),
        ("/console/" + "x" * 5_000, 404),
        ("/console/css", 404),
    ],
)
def test_a_bad_address_is_refused(client: TestClient, address: str, status: int) -> None:
    check_refused(client.get(address), status)


@pytest.mark.parametrize(
    ("method", "address"),
    [("PUT", "/v1/health"), ("GET", "/v1/recommend"), ("PATCH", "/v1/users/u1"), ("POST", "/"), ("POST", "/console/app.js")],
)
def test_a_wrong_method_is_405_and_the_right_one_is_named(client: TestClient, method: str, address: str) -> None:
    answer = client.request(method, address)
    assert answer.headers["allow"] in check_refused(answer, 405)["remedy"]


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


@pytest.mark.parametrize("address", [*POSTS, "/v1/nothing"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_over_one_mebibyte_is_413(client: TestClient, address: str, streamed: bool) -> None:
    body = pieces(LIMIT + 65_536) if streamed else b" " * (LIMIT + 1)
    assert str(LIMIT) in check_refused(client.post(address, content=body, headers=JSON), 413)["rule"]


def test_a_body_of_one_mebibyte_is_read(client: TestClient) -> None:
    body = b'{"k": 3' + b" " * (LIMIT - 8) + b"}"
    assert len(body) == LIMIT
    assert len(client.post("/v1/recommend", content=body, headers=JSON).json()["items"]) == 3
    assert client.post("/v1/recommend", content=iter([body[:500], body[500:]]), headers=JSON).status_code == 200


def test_a_gigantic_body_is_not_waited_for(client: TestClient) -> None:
    answer = client.post("/v1/search", content=b"{}", headers={**JSON, "content-length": str(10**12)})
    check_refused(answer, 413)
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("address", ["/", "/console/app.js", "/v1/health", "/v1/nothing", "/metrics", "/openapi.json"])
def test_every_answer_has_the_headers_that_browsers_obey(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] in {"no-cache", "no-store"}
    assert len(headers["x-request-id"]) == 32


def test_an_id_of_the_request_is_kept_if_it_is_plain(client: TestClient) -> None:
    answer = client.post("/v1/recommend", json={}, headers={"x-request-id": "abc-1.2_3"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "abc-1.2_3"
    for odd in ("a b", "x" * 65, "<b>", ""):
        assert client.get("/v1/health", headers={"x-request-id": odd}).headers["x-request-id"] != odd


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/", "text/html"),
        ("/console/app.js", "text/javascript"),
        ("/console/css/base.css", "text/css"),
        ("/console/icons.svg", "image/svg+xml"),
    ],
)
def test_the_console_is_sent_packed_and_not_twice(client: TestClient, address: str, kind: str) -> None:
    first = client.get(address)
    assert first.status_code == 200
    assert first.headers["content-type"].startswith(kind)
    assert first.headers["content-encoding"] == "gzip"
    again = client.get(address, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert client.head(address).status_code == 200


def test_long_answers_are_packed_if_the_client_can(client: TestClient) -> None:
    assert client.post("/v1/recommend", json={}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.post("/v1/recommend", json={}, headers={"accept-encoding": "identity"}).headers


def test_a_fault_of_the_server_is_500_in_the_same_shape_and_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(user_id: str) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(client.app.state.current.service.state, "person", broken)
    with caplog.at_level(logging.ERROR, "penchant.serve"):
        error = check_refused(client.get("/v1/users/u1", headers={"x-request-id": "r1"}), 500)
    assert error["value"] == "request r1"
    assert "on purpose" not in str(error)
    assert "on purpose" in caplog.text
    assert 'status="500"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize(("error", "status"), [(UnknownIdError, 404), (InputError, 422), (StorageError, 503), (ArtifactError, 503)])
def test_errors_have_their_status(error: Any, status: int) -> None:
    assert status_of(error("a", "b", "c")) == status
