"""People who use the service while it is tried: some write events, some ask for lists, and all remember what they were told.

A writer keeps an event until it is acknowledged and sends it again, with the same id, as clients should.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

import numpy as np

from penchant.core.seeds import generator

_TIMEOUT = 5.0  # seconds that an answer may take
_PAUSE = 0.05  # seconds after a refusal
OK, REFUSED, FAILED = "answered", "refused", "failed"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, and what became of it.

    Attributes:
        wrote: Whether it brought events, and did not ask for a list.
        began: By ``time.monotonic``.
        seconds: Until its answer, or until it was given up.
        outcome: One of three.
        rung: The way in which the list was made.
        missing: Parts that it was made without.
    """

    wrote: bool
    began: float
    seconds: float
    outcome: str
    rung: str = ""
    missing: tuple[str, ...] = ()


@dataclass
class Seen:
    """What visitors were told.

    Attributes:
        acknowledged: Events by user: ids that the service took.
        visits: In the order in which they ended.
        broken: Answers with a status from 500 on other than 503, which should never come.
    """

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


class Visitors:
    """Threads that write and ask until they are told to stop.

    Args:
        port: Of the service, on loopback.
        users: Ids to take part as.
        items: Ids that events are about.
        writers: Threads that write, each for users of its own.
        readers: Threads that ask.
        pause: Seconds between two requests of one thread.
        batch: Events of one request.
        key: Of the service; None where it asks for none.
        seed: Of what they do.
    """

    def __init__(
        self,
        port: int,
        users: list[str],
        items: list[str],
        *,
        writers: int = 2,
        readers: int = 2,
        pause: float = 0.02,
        batch: int = 1,
        key: str | None = None,
        seed: int = 0,
    ) -> None:
        self.port, self.users, self.items, self.pause, self.batch, self.key = port, users, items, pause, batch, key
        self.seen, self._lock, self._stop = Seen(), threading.Lock(), threading.Event()
        makes = [(self._write, number, writers) for number in range(writers)] + [(self._read, number, readers) for number in range(readers)]
        self._threads = [
            threading.Thread(target=make, args=(users[number::count], generator(seed, place)), daemon=True)
            for place, (make, number, count) in enumerate(makes)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> Seen:
        """End, and tell."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    def more(self, count: int, seconds: float) -> dict[str, int]:
        """So many further readers without pauses for a while; how many of their requests had each outcome."""
        told = {OK: 0, REFUSED: 0, FAILED: 0}
        ends = time.monotonic() + seconds

        def crowd(number: int) -> None:
            line = Line(self.port, self.key)
            while time.monotonic() < ends:
                outcome, _ = line.ask("/v1/recommend", {"user_id": self.users[number % len(self.users)], "k": 10})
                with self._lock:
                    told[outcome] += 1
            line.close()

        threads = [threading.Thread(target=crowd, args=(number,), daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return told

    def newest(self, before: int = 0) -> list[Visit]:
        """The visits so far, without the first ``before`` ones."""
        with self._lock:
            return self.seen.visits[before:]

    def _write(self, users: list[str], random: np.random.Generator) -> None:
        line, number = Line(self.port, self.key), 0
        while not self._stop.is_set():
            events: list[dict[str, str]] = []
            for _ in range(self.batch):
                number += 1
                user, item = users[int(random.integers(len(users)))], self.items[int(random.integers(len(self.items)))]
                events.append({"event_id": f"{users[0]}-{number}", "user_id": user, "item_id": item, "event": "view"})
            while not self._stop.is_set():
                started = time.monotonic()
                outcome, _ = line.ask("/v1/events", {"events": events}, good=202)
                self._saw(Visit(True, started, time.monotonic() - started, outcome), line, events if outcome == OK else ())
                if outcome == OK:
                    break
                self._stop.wait(_PAUSE)
            self._stop.wait(self.pause)
        line.close()

    def _read(self, users: list[str], random: np.random.Generator) -> None:
        line = Line(self.port, self.key)
        while not self._stop.is_set():
            started = time.monotonic()
            outcome, answer = line.ask("/v1/recommend", {"user_id": users[int(random.integers(len(users)))], "k": 10})
            how = (answer["rung"], tuple(answer["parts"]["missing"])) if outcome == OK else ("", ())
            self._saw(Visit(False, started, time.monotonic() - started, outcome, *how), line)
            self._stop.wait(self.pause)
        line.close()

    def _saw(self, visit: Visit, line: Line, taken: Sequence[dict[str, str]] = ()) -> None:
        with self._lock:
            self.seen.visits.append(visit)
            for event in taken:
                self.seen.acknowledged.setdefault(event["user_id"], []).append(event["event_id"])
            if line.broken is not None:
                self.seen.broken.append(line.broken)


class Line:
    """A connection that is made anew after a failure.

    Args:
        port: Of the service, on loopback.
        key: Of the service.

    Attributes:
        broken: What the newest answer said, if its status was one that should never come.
    """

    def __init__(self, port: int, key: str | None = None) -> None:
        self.port, self.broken = port, None
        self._headers = {"content-type": "application/json"} | ({} if key is None else {"authorization": f"Bearer {key}"})
        self._connection: HTTPConnection | None = None

    def ask(self, path: str, body: dict[str, Any] | None = None, *, good: int = 200) -> tuple[str, Any]:
        """What became of a request, and the answer's JSON where it was answered. Without a body it is a GET."""
        self.broken: str | None = None
        try:
            if self._connection is None:
                self._connection = HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
            sent = ("GET", path, None) if body is None else ("POST", path, json.dumps(body))
            self._connection.request(*sent, self._headers)
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            self.close()
            return FAILED, None
        if answer.status == good:
            return OK, json.loads(content)
        if answer.status >= 500 and answer.status != 503:
            self.broken = f"{answer.status} {content[:300].decode('utf-8', 'replace')}"
        return REFUSED, None

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
