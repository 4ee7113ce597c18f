"""Traces: what a request did and how long, to whoever collects it, and nothing about anybody."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.testclient import TestClient

from penchant.core.errors import InputError
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.backends import opened
from penchant.serve.events import LiveEvent
from penchant.serve.near_line import NearLine
from penchant.serve.open_telemetry import Traces
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from tests.serve.test_on_servers import ROOT, penchant
from tests.servers import collector, free_port

CALLER, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STAGES = ["waiting", "history", "state", "generate", "merge and policy", "rank", "reasons", "cards"]


@pytest.fixture
def kept() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(kept: InMemorySpanExporter) -> Traces:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    return Traces(provider)


@pytest.fixture
def traced(tiny_release: Release, log: SqliteEventLog, store: SqliteStateStore, traces: Traces) -> FastAPI:
    return create_app(tiny_release, log=log, store=store, traces=traces, follow=False)


@pytest.fixture
def asking(traced: FastAPI) -> Iterator[TestClient]:
    with TestClient(traced, raise_server_exceptions=False) as client:
        yield client


def milliseconds(span: ReadableSpan) -> float:
    assert span.start_time is not None and span.end_time is not None
    return (span.end_time - span.start_time) / 1e6


def below(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    """The children of a span, in the order they began in."""
    children = [one for one in spans if one.parent is not None and one.parent.span_id == span.context.span_id]
    return sorted(children, key=lambda one: one.start_time or 0)


def test_a_list_is_one_trace_of_the_times_that_the_answer_tells(
    asking: TestClient, kept: InMemorySpanExporter, tiny_release: Release
) -> None:
    answer = asking.post("/v1/recommend", json={"user_id": "u1", "trace": True}).json()
    spans = kept.get_finished_spans()
    (root,) = [span for span in spans if span.parent is None]
    assert (root.name, root.kind, root.status.status_code) == ("POST /v1/recommend", SpanKind.SERVER, StatusCode.UNSET)
    assert dict(root.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/recommend",
        "http.response.status_code": 200,
        "penchant.request_id": answer["request_id"],
        "penchant.release": tiny_release.id,
        "penchant.rung": answer["rung"],
        "penchant.rules": answer["rules"],
        "penchant.missing": (),
    }
    parts = below(root, spans)
    assert [part.name for part in parts] == STAGES == [name for name in answer["milliseconds"] if name != "total"]
    for part, after in zip(parts, [*parts[1:], root], strict=True):
        assert milliseconds(part) == pytest.approx(answer["milliseconds"][part.name], abs=1e-3)
        if after is not root:
            assert part.end_time == after.start_time, "one after the other"
    assert parts[0].start_time == root.start_time
    assert milliseconds(root) >= answer["milliseconds"]["total"]
    generators = below(parts[3], spans)
    assert {span.name: pytest.approx(milliseconds(span), abs=1e-3) for span in generators} == {
        name: one["milliseconds"] for name, one in answer["trace"]["generators"].items()
    }
    assert {span.start_time for span in generators} == {parts[3].start_time}
    assert len(spans) == 1 + len(parts) + len(generators)


def test_a_generator_that_fails_says_so(asking: TestClient, traced: FastAPI, kept: InMemorySpanExporter) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("it broke on user-9")

    traced.state.current.service.calls.lanes["ease"].generator = type("Broken", (), {"recommend": fails})()
    answer = asking.post("/v1/recommend", json={"user_id": "u1"}).json()
    spans = kept.get_finished_spans()
    assert answer["parts"]["missing"] == ["ease"]
    missing = {span.name: span.attributes["penchant.missing"] for span in spans if "penchant.missing" in (span.attributes or {})}
    assert missing == {"POST /v1/recommend": ("ease",), "ease": "failed"}


def test_search_tells_its_stages_and_other_addresses_the_whole(asking: TestClient, kept: InMemorySpanExporter) -> None:
    asking.post("/v1/search", json={"query": "star"})
    search = kept.get_finished_spans()
    kept.clear()
    assert {span.name for span in search} == {"POST /v1/search", "waiting", "state", "search", "cards"}
    asking.get("/v1/items/i1")
    asking.get("/v1/items/i999")
    asking.get("/nowhere")
    asking.get("/v1/nowhere")
    for unwatched in ("/v1/live", "/v1/ready", "/v1/health", "/metrics", "/"):
        asking.get(unwatched)
    found = [(span.name, (span.attributes or {})["http.response.status_code"]) for span in kept.get_finished_spans()]
    assert found == [("GET /v1/items/{item_id:path}", 200), ("GET /v1/items/{item_id:path}", 404), ("GET", 404)]


@pytest.mark.parametrize(
    ("parent", "trace_id", "spans"),
    [
        (f"00-{CALLER}-{SPAN}-01", CALLER, True),
        (f"00-{CALLER}-{SPAN}-00", CALLER, False),
        (f"00-{CALLER}-{'0' * 16}-01", None, True),
        ("00-xyz", None, True),
        ("ÿ" * 500, None, True),
    ],
)
def test_the_callers_trace_goes_on(asking: TestClient, kept: InMemorySpanExporter, parent: str, trace_id: str | None, spans: bool) -> None:
    assert asking.post("/v1/recommend", json={"k": 3}, headers={b"traceparent": parent.encode("latin-1")}).status_code == 200
    found = kept.get_finished_spans()
    assert bool(found) == spans, "a caller who does not sample is followed, too"
    if trace_id is not None and found:
        assert {f"{span.context.trace_id:032x}" for span in found} == {trace_id}
        (root,) = [span for span in found if span.kind is SpanKind.SERVER]
        assert root.parent is not None and f"{root.parent.span_id:016x}" == SPAN
    elif found:
        assert [span.name for span in found if span.parent is None] == ["POST /v1/recommend"]


def test_nothing_that_was_sent_is_in_a_trace(asking: TestClient, traced: FastAPI, kept: InMemorySpanExporter) -> None:
    user, item, word, given = "person-7", "iz-private", "word-of-a-query", "request-of-person-7"

    @traced.get("/v1/breaks")
    def breaks() -> None:
        raise RuntimeError(f"{user} bought {item}")

    asked: list[tuple[str, str, Any]] = [
        ("POST", "/v1/recommend", {"user_id": user}),
        ("POST", "/v1/recommend", {"user_id": user, "events": [{"item_id": item}]}),
        ("POST", "/v1/search", {"query": word, "user_id": user}),
        ("POST", "/v1/events", {"events": [{"user_id": user, "item_id": "i1", "event": "view", "event_id": user}]}),
        ("GET", f"/v1/items/{item}?user_id={user}", None),
        ("GET", f"/v1/users?search={word}", None),
        ("GET", f"/v1/users/{user}", None),
        ("DELETE", f"/v1/users/{user}", None),
        ("GET", "/v1/breaks", None),
        ("GET", f"/v1/{user}/{word}", None),
        (user.upper(), "/v1/trending", None),
    ]
    for method, address, body in asked:
        asking.request(method, address, json=body, headers={"x-request-id": given, "user-agent": user, "baggage": f"user={user}"})
    spans = kept.get_finished_spans()
    text = "".join(span.to_json() for span in spans).lower()
    assert [one for one in (user, item, word, given) if one in text] == []
    roots = [span for span in spans if span.parent is None]
    assert len(roots) == len(asked)
    broken = roots[8]
    assert broken.status.status_code is StatusCode.ERROR
    assert {**(broken.attributes or {})}["error.type"] == "RuntimeError"
    assert broken.events == (), "the text of an error may hold anything"
    assert (roots[10].attributes or {})["http.request.method"] == "_OTHER"


def test_the_frameworks_own_traces_are_off(
    tiny_release: Release, log: SqliteEventLog, kept: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = TracerProvider(shutdown_on_exit=False)
    everywhere.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", everywhere)
    assert trace.get_tracer_provider() is everywhere
    with TestClient(create_app(tiny_release, log=log)) as client:
        assert client.get("/v1/users/person-7").status_code == 200
    assert kept.get_finished_spans() == (), "they would tell addresses with ids, and queries"


def test_a_worker_makes_a_span_of_each_batch(
    log: SqliteEventLog, store: SqliteStateStore, traces: Traces, kept: InMemorySpanExporter
) -> None:
    near_line = NearLine(log, store)
    near_line.worker.told, near_line.worker.batch = traces.batch, 3
    now = int(time.time())
    log.append([LiveEvent(f"e{n}", "person-7", "i1", "view", now) for n in range(5)])
    before = time.time_ns()
    assert [near_line.worker.step() for _ in range(3)] == [3, 2, 0]
    spans = kept.get_finished_spans()
    assert [span.name for span in spans] == ["near-line batch"] * 2, "none where there was nothing to do"
    assert [dict(span.attributes or {}) for span in spans] == [
        {"messaging.batch.message_count": count, "penchant.dead_letters": 0, "penchant.partitions": (0,)} for count in (3, 2)
    ]
    assert all(span.kind is SpanKind.CONSUMER and milliseconds(span) > 0 and (span.start_time or 0) >= before for span in spans)


@pytest.mark.slow
def test_server_and_worker_send_to_a_real_collector(tiny_release_folder: Path, tmp_path: Path) -> None:
    with collector() as (url, received):
        places = ["--release", str(tiny_release_folder), "--state", str(tmp_path), "--traces", url]
        with penchant("serve", *places, "--no-follow", "--port", "0", until=r"http://127\.0\.0\.1:\d+/") as (server, address):
            head = {"content-type": "application/json", "traceparent": f"00-{CALLER}-{SPAN}-01"}
            asked = urllib.request.Request(address + "v1/recommend", b'{"user_id": "u1", "k": 3}', head)
            with urllib.request.urlopen(asked, timeout=60) as answer:
                assert answer.status == 200
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        spans = list(received)
        assert {scope for scope, _ in spans} == {"penchant"}
        assert {*STAGES, "POST /v1/recommend", "ease"} <= {span.name for _, span in spans}
        assert {span.trace_id.hex() for _, span in spans} == {CALLER}
        received.clear()
        with opened(tmp_path) as (log, _):
            log.append([LiveEvent("e1", "person-7", "i1", "view", int(time.time()))])
        with penchant("worker", *places, until="follows 1 of 1 partitions") as (worker, _), opened(tmp_path) as (log, store):
            for _ in range(600):
                if store.positions() == log.end():
                    break
                time.sleep(0.05)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
        assert [span.name for _, span in received] == ["near-line batch"]


def test_where_nobody_collects_requests_are_answered_and_the_end_comes_soon(
    tiny_release: Release, log: SqliteEventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.CRITICAL):
        app = create_app(tiny_release, log=log, traces=Traces.to(f"http://127.0.0.1:{free_port()}"))
        with TestClient(app) as client:
            for _ in range(3):
                assert client.post("/v1/recommend", json={"user_id": "u1"}).status_code == 200
            began = time.monotonic()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://localhost", "http://", "http://[::1", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="it is no address of a collector"):
        Traces.to(url)


def test_without_the_extra_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(InputError, match=r'pip install "penchant\[otel\]"'):
        Traces.to("http://localhost:4318")


def test_nothing_of_it_is_imported_by_who_does_not_ask_for_traces() -> None:
    parts = "('opentelemetry.sdk.trace', 'opentelemetry.exporter')"  # another package loads metrics, where they are installed
    seen = f"import sys, penchant.cli.main; print([name for name in sys.modules if name.startswith({parts})])"
    done = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
