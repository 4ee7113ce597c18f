"""A small real server of the chat protocol for tests: obedient by default, and faulty in every way it is told to be."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True)
class Say:
    """What the server sends.

    Attributes:
        body: JSON, or bytes as they are.
        wait: Seconds before it is sent.
    """

    body: Body | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: float = 0.0


@dataclass
class ChatServer:
    """What a running server was asked.

    Attributes:
        asked: Bodies, in order.
        headers: Of each of them, names in lower case.
        times: Of each of them, seconds.
        most: Requests that were under way at once.
    """

    url: str = ""
    asked: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most: int = 0
    now: int = 0


def sample(schema: Mapping[str, Any], seed: str = "") -> Any:
    """A value that is valid under a simple schema; the seed decides which."""
    number = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16)
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    match schema.get("type", "object"):
        case "object":
            return {name: sample(part, f"{seed}/{name}") for name, part in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema["items"], f"{seed}/{place}") for place in range(max(schema.get("minItems", 0), number % 3))]
        case "string":
            return f"text {number} 🌱"
        case "boolean":
            return number % 2 == 0
        case _:
            return schema.get("minimum", 0) + number % 3


def completion(text: str | None, **more: Any) -> Body:
    """A body of the protocol around a text. Tokens are words."""
    message = {"role": "assistant", "content": text, "refusal": more.pop("refusal", None)}
    usage = more.pop("usage", {"prompt_tokens": 10, "completion_tokens": len((text or "").split())})
    choice = {"index": 0, "message": message, "finish_reason": more.pop("finish_reason", "stop"), "logprobs": more.pop("logprobs", None)}
    return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage, **more}


def obedient(body: Body) -> Say:
    """Answers as it is asked to: valid under the schema, no longer than it may be, the same each time."""
    prompt = body["messages"][-1]["content"]
    if len(prompt) > 20_000:
        error = {"message": "the prompt is too long", "type": "invalid_request_error", "code": "context_length_exceeded"}
        return Say({"error": error}, 400)
    form = body.get("response_format")
    text = f"I was asked: {prompt}" if form is None else json.dumps(sample(form["json_schema"]["schema"], prompt), ensure_ascii=False)
    words = text.split()
    if len(words) <= body["max_tokens"]:
        return Say(completion(text))
    return Say(completion(" ".join(words[: body["max_tokens"]]), finish_reason="length"))


def first(*faults: Say, then: Callable[[Body], Say] = obedient) -> Callable[[Body], Say]:
    """Faults one after another, then as ``then`` does."""
    left, lock = list(faults), threading.Lock()

    def say(body: Body) -> Say:
        with lock:
            fault = left.pop(0) if left else None
        return fault or then(body)

    return say


@contextmanager
def chat_server(say: Callable[[Body], Say] = obedient) -> Iterator[ChatServer]:
    """A server on a free port of this machine."""
    seen, lock, closing = ChatServer(), threading.Lock(), threading.Event()

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                seen.asked.append(body)
                seen.headers.append({name.lower(): value for name, value in self.headers.items()})
                seen.times.append(time.monotonic())
                seen.now += 1
                seen.most = max(seen.most, seen.now)
            try:
                answer = say(body) if self.path == "/v1/chat/completions" else Say({"error": {"message": "Not Found"}}, 404)
                closing.wait(answer.wait)
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            finally:
                with lock:
                    seen.now -= 1
            self.send_response(answer.status)
            for name, value in {"content-type": "application/json", "content-length": str(len(content)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """It is quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone is no news."""

    with Quiet(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        seen.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield seen
        finally:
            closing.set()
            server.shutdown()
            thread.join(10)
