"""Real servers for tests, each on a free port of this machine: Redis, and a broker that speaks Kafka's protocol."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from penchant.core.errors import InputError
from penchant.serve.drill import programs
from penchant.serve.drill.programs import Program, free_port

__all__ = ["free_port", "kafka_broker", "redis_server", "running"]


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Iterator[int]:
    """The port of a Redis that keeps nothing on disk; skips the test where there is none."""
    with running(lambda: programs.redis(folder, port or free_port())) as program:
        yield program.port


@contextmanager
def kafka_broker(port: int | None = None) -> Iterator[int]:
    """The port of a broker that keeps everything in memory; skips the test where there is none."""
    with running(lambda: programs.broker(port or free_port())) as program:
        yield program.port


@contextmanager
def running(make: Callable[[], Program]) -> Iterator[Program]:
    """A program, started and ended afterwards; skips the test where it is not installed."""
    try:
        program = make()
    except InputError as missing:
        pytest.skip(str(missing))
    with program:
        yield program


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, Span]]]]:
    """The address of a collector of traces, and what it was sent: spans with the names of who made them."""
    received: list[tuple[str, Span]] = []

    class Collects(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            known = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
            for one in sent.resource_spans if known else ():
                about = {pair.key: pair.value.string_value for pair in one.resource.attributes}
                received.extend((about["service.name"], span) for scope in one.scope_spans for span in scope.spans)
            self.send_response(200 if known else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """It is quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collects) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join(10)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an application that really listens, on a free port of this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    for _ in range(1_000):
        if server.started:
            break
        time.sleep(0.01)
    assert server.started
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()
