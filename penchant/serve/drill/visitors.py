"""People who use the service while it is tried: some write events, some ask for lists, and all remember what they were told.

A writer keeps an event until it is acknowledged and sends it again, with the same id, as clients should.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

import numpy as np

from penchant.core.seeds import generator

_TIMEOUT = 5.0  # seconds that an answer may take
_PAUSE = 0.05  # seconds after a refusal
OK, REFUSED, FAILED = "answered", "refused", "failed"


@dataclass
class Seen:
    """What visitors were told.

    Attributes:
        acknowledged: Events by user: ids that the service took.
        asked: (Moment, outcome, seconds) of each request for a list; moments by ``time.monotonic``.
        parts: How often each part was missing in an answer.
        rungs: How often each way of making a list was taken.
        broken: Answers with a status from 500 on other than 503, which should never come.
    """

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[float, str, float]] = field(default_factory=list)
    parts: dict[str, int] = field(default_factory=dict)
    rungs: dict[str, int] = field(default_factory=dict)
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
        seed: Of what they do.
    """

    def __init__(
        self, port: int, users: list[str], items: list[str], *, writers: int = 2, readers: int = 2, pause: float = 0.02, seed: int = 0
    ) -> None:
        self.port, self.users, self.items, self.pause = port, users, items, pause
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
            line = Line(self.port)
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

    def _write(self, users: list[str], random: np.random.Generator) -> None:
        line, number = Line(self.port), 0
        while not self._stop.is_set():
            user, number = users[int(random.integers(len(users)))], number + 1
            event_id = f"{users[0]}-{number}"
            event = {
                "event_id": event_id,
                "user_id": user,
                "item_id": self.items[int(random.integers(len(self.items)))],
                "event": "view",
            }
            while not self._stop.is_set():
                outcome, _ = line.ask("/v1/events", {"events": [event]}, good=202)
                if outcome == OK:
                    with self._lock:
                        self.seen.acknowledged.setdefault(user, []).append(event_id)
                    break
                self._stop.wait(_PAUSE)
            self._stop.wait(self.pause)
        line.close()

    def _read(self, users: list[str], random: np.random.Generator) -> None:
        line = Line(self.port)
        while not self._stop.is_set():
            started = time.monotonic()
            outcome, answer = line.ask("/v1/recommend", {"user_id": users[int(random.integers(len(users)))], "k": 10})
            with self._lock:
                self.seen.asked.append((started, outcome, time.monotonic() - started))
                if outcome == OK:
                    self.seen.rungs[answer["rung"]] = self.seen.rungs.get(answer["rung"], 0) + 1
                    for part in answer["parts"]["missing"]:
                        self.seen.parts[part] = self.seen.parts.get(part, 0) + 1
                elif line.broken is not None:
                    self.seen.broken.append(line.broken)
            self._stop.wait(self.pause)
        line.close()


class Line:
    """A connection that is made anew after a failure.

    Attributes:
        broken: What the newest answer said, if its status was one that should never come.
    """

    def __init__(self, port: int) -> None:
        self.port, self.broken = port, None
        self._connection: HTTPConnection | None = None

    def ask(self, path: str, body: dict[str, Any], *, good: int = 200) -> tuple[str, Any]:
        """What became of a request, and the answer's JSON where it was answered."""
        self.broken: str | None = None
        try:
            if self._connection is None:
                self._connection = HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)
            self._connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
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
