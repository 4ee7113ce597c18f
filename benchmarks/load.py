"""A load generator: requests leave at random moments of a given rate, whatever became of those before (an open loop).

Times count from the moment a request should have left, so that a server that answers nobody for a while does not look fast.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Told:
    """What came back.

    Attributes:
        seconds: Of each request, from when it should have left to the end of its answer.
        answers: Parsed bodies of those with status 200 or 202.
        refused: Requests with another status.
    """

    seconds: list[float] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    def quantile_ms(self, share: float) -> float:
        """Milliseconds that a share of all requests stayed below."""
        return float(np.quantile(self.seconds, share)) * 1e3


class Lines:
    """Connections that are used again, one request at a time each."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Status and body."""
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        first = b""
        while not first:  # the server hangs up where nobody has spoken for a while
            reader, writer = self._free.pop() if self._free else await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(head.encode() + body)
            with suppress(ConnectionError):
                first = await reader.readline()
        status = int(first.split()[1])
        length = 0
        while (line := await reader.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        content = await reader.readexactly(length)
        self._free.append((reader, writer))
        return status, content

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._free:
            writer.close()


@contextmanager
def undisturbed() -> Iterator[None]:
    """The collector does not look through what was there before: with a release loaded that takes 0.3 s, which would count as latency."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


Body = Callable[[], dict[str, Any]]


async def _open(lines: Lines, path: str, body: Body, rate: float, seconds: float, told: Told, seed: int) -> None:
    """Requests of one kind at ``rate`` a second."""
    random = np.random.default_rng(seed)
    started, at, running = time.perf_counter(), 0.0, []

    async def one(due: float) -> None:
        status, content = await lines.post(path, json.dumps(body()).encode())
        told.seconds.append(time.perf_counter() - due)
        if status in (200, 202):
            told.answers.append(json.loads(content))
        else:
            told.refused += 1

    while (at := at + random.exponential(1 / rate)) < seconds:
        await asyncio.sleep(max(0.0, started + at - time.perf_counter()))
        running.append(asyncio.create_task(one(started + at)))
    await asyncio.gather(*running)


def open_loop(port: int, kinds: dict[str, tuple[Body, float]], seconds: float, *, seed: int = 0) -> dict[str, Told]:
    """Send requests of several kinds at once.

    Args:
        kinds: By path: what makes a body, and requests a second.
    """

    async def all_of_them() -> dict[str, Told]:
        lines, told = Lines(port), {path: Told() for path in kinds}
        await asyncio.gather(
            *(_open(lines, path, body, rate, seconds, told[path], seed + n) for n, (path, (body, rate)) in enumerate(kinds.items()))
        )
        lines.close()
        return told

    with undisturbed():
        return asyncio.run(all_of_them())


def closed_loop(port: int, path: str, body: Body, clients: int, seconds: float) -> Told:
    """Clients that each send the next request when they have the answer to the last."""

    async def client(lines: Lines, told: Told, until: float) -> None:
        while (begun := time.perf_counter()) < until:
            status, content = await lines.post(path, json.dumps(body()).encode())
            told.seconds.append(time.perf_counter() - begun)
            told.refused += status != 200
            if status == 200:
                told.answers.append(json.loads(content))

    async def all_of_them() -> Told:
        lines, told = Lines(port), Told()
        until = time.perf_counter() + seconds
        await asyncio.gather(*(client(lines, told, until) for _ in range(clients)))
        lines.close()
        return told

    with undisturbed():
        return asyncio.run(all_of_them())


def once(port: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request."""

    async def ask() -> dict[str, Any]:
        lines = Lines(port)
        _, content = await lines.post(path, json.dumps(body).encode())
        lines.close()
        return json.loads(content)

    return asyncio.run(ask())


def numbered() -> Iterator[str]:
    """Ids that no other run gives."""
    begun, number = time.time_ns(), 0
    while True:
        yield f"{begun}-{number}"
        number += 1
