"""Limits of a caller: a token bucket against its definition, and the answers of a server that has limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from penchant.core.errors import InputError
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.keys import KeyFile
from penchant.serve.limits import Buckets, TimeLimit, caller
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog


class Plain:
    """The textbook's bucket."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst, self.tokens, self.then = rate, burst, float(burst), 0.0

    def take(self, now: float) -> float:
        self.tokens, self.then = min(self.burst, self.tokens + (now - self.then) * self.rate), now
        if self.tokens >= 1:
            self.tokens -= 1
            return 0.0
        return (1 - self.tokens) / self.rate


# Quarters of a second, so that sums are exact and nobody asks at the very moment of rounding.
@given(rate=st.sampled_from([0.25, 1.0, 4.0]), burst=st.integers(1, 5), gaps=st.lists(st.integers(0, 12), max_size=40))
def test_it_does_what_the_textbook_says(rate: float, burst: int, gaps: list[int]) -> None:
    now = 0.0
    buckets, plain = Buckets(rate, burst, clock=lambda: now), Plain(rate, burst)
    for gap in gaps:
        now += gap / 4
        assert buckets.take("a") == pytest.approx(plain.take(now))


def test_callers_do_not_touch_and_few_are_remembered() -> None:
    buckets = Buckets(1.0, 1, most=3, clock=lambda: 0.0)
    assert [buckets.take(name) for name in "abab"] == [0, 0, 1, 1]
    for number in range(1_000):
        buckets.take(str(number))
    assert len(buckets) == 3
    assert buckets.take("999") == 1
    assert buckets.take("a") == 0, "forgotten"


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_bucket_that_lets_nobody_in_is_refused(rate: float, burst: int) -> None:
    with pytest.raises(InputError):
        Buckets(rate, burst)


@pytest.mark.parametrize(
    ("scope", "who"),
    [
        ({"client": ("10.0.0.1", 5)}, "10.0.0.1"),
        ({"client": ("10.0.0.1", 5), "state": {"key": "shop"}}, "key shop"),
        ({"client": ("2001:db8:1:2:3::4", 5)}, "2001:db8:1:2::/64"),
        ({"client": ("::ffff:10.0.0.1", 5)}, "10.0.0.1"),
        ({"client": ("fe80::1%eth0", 5)}, "fe80::/64"),
        ({"client": ("a:b", 5)}, "a:b"),
        ({"client": None}, "nobody"),
        ({}, "nobody"),
    ],
)
def test_who_is_counted_together(scope: dict[str, Any], who: str) -> None:
    assert caller(scope) == who


@contextmanager
def serving(release: Release, folder: Path, settings: ServeSettings) -> Iterator[TestClient]:
    log = SqliteEventLog(folder / "events.sqlite")
    with TestClient(create_app(release, log=log, settings=settings), raise_server_exceptions=False) as client:
        yield client
    log.close()


def test_who_asks_too_often_is_told_when_to_come_back(tiny_release: Release, tmp_path: Path) -> None:
    with serving(tiny_release, tmp_path, ServeSettings(rate=0.01, burst=3)) as client:
        assert [client.get("/v1/items/i1").status_code for _ in range(3)] == [200] * 3
        refused = client.get("/v1/items/i1")
        assert (refused.status_code, list(refused.json()["error"])) == (429, ["value", "rule", "remedy"])
        assert 90 <= int(refused.headers["retry-after"]) <= 100
        for open_to_all in ("/v1/health", "/metrics", "/"):
            assert client.get(open_to_all).status_code == 200
        assert 'status="429"} 1.0' in client.get("/metrics").text


def test_each_key_has_its_own_bucket(tiny_release: Release, tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys.json")
    one, same, other = (file.add(name, ["read"]) for name in ("one", "one", "other"))
    with serving(tiny_release, tmp_path, ServeSettings(rate=0.01, burst=2, keys=file.path)) as client:

        def ask(secret: str) -> int:
            return client.get("/v1/items/i1", headers={"authorization": f"Bearer {secret}"}).status_code

        assert [ask(secret) for secret in (one, same, one, other, "wrong", "wrong", "wrong")] == [200, 200, 429, 200, 401, 401, 401]


def test_what_takes_too_long_is_given_up_and_the_server_goes_on(tiny_release: Release, tmp_path: Path) -> None:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    app = create_app(tiny_release, log=log, settings=ServeSettings(seconds=0.2))
    go_on = threading.Event()

    @app.get("/v1/slow")
    def slow() -> None:
        go_on.wait(20)
        raise RuntimeError("nobody hears this")

    with TestClient(app, raise_server_exceptions=False) as client:
        late = client.get("/v1/slow")
        assert (late.status_code, late.headers["connection"]) == (503, "close")
        assert late.json()["error"]["value"] == "no answer in 0.2 s"
        assert client.get("/v1/health").status_code == 200
        go_on.set()
    log.close()


def test_a_body_that_comes_too_slowly_is_given_up_and_an_answer_that_has_begun_is_not() -> None:
    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def streams(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"whole"})

    async def nothing_comes() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def asked(app: Any) -> list[Message]:
        heard: list[Message] = []

        async def hear(message: Message) -> None:
            heard.append(message)

        await TimeLimit(app, 0.02)({"type": "http"}, nothing_comes, hear)
        return heard

    assert asyncio.run(asked(reads))[0]["status"] == 503
    assert [one.get("status", one.get("body")) for one in asyncio.run(asked(streams))] == [200, b"whole"]
