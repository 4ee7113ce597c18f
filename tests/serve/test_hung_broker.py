"""A broker that takes connections and answers nothing: lists go on, and what it acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import httpx
import prometheus_client
import pytest

from penchant.core.errors import InputError, StorageError, UnavailableError
from penchant.pipeline.breaker import Breaker
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.at_a_time import AtATime
from penchant.serve.drill import programs
from penchant.serve.events import LiveEvent
from penchant.serve.kafka_log import KafkaEventLog
from penchant.serve.logged import read_log
from penchant.serve.sqlite_store import SqliteStateStore
from tests.servers import free_port, running, served

WRITERS = 40


def test_lists_are_answered_while_the_broker_hangs(tiny_release: Release, tmp_path: Path) -> None:
    port, behind = free_port(), free_port()
    acknowledged: list[str] = []
    statuses: Counter[int] = Counter()
    lock, stop = threading.Lock(), threading.Event()

    def write(url: str, writer: int) -> None:
        line = HTTPConnection(url.removeprefix("http://").rstrip("/"), timeout=60)
        for number in range(10_000):
            name = f"{writer}-{number}"
            told = {"event_id": name, "user_id": f"u{writer}", "item_id": "i1", "event": "view"}
            line.request("POST", "/v1/events", json.dumps({"events": [told]}), {"content-type": "application/json"})
            answer = line.getresponse()
            answer.read()
            with lock:
                statuses[answer.status] += 1
                if answer.status == 202:
                    acknowledged.append(name)
            if answer.status == 503:
                assert int(answer.headers["retry-after"]) >= 1
            if stop.wait(0.2 if answer.status == 202 else 1.0):
                break
        line.close()

    with (
        running(lambda: programs.broker(behind, port)),
        running(lambda: programs.wire("wire", tmp_path, port, behind)) as wire,
    ):
        log = KafkaEventLog(f"127.0.0.1:{port}", partitions=2, wait_seconds=3.0)
        store = SqliteStateStore(tmp_path / "state.sqlite")
        with served(create_app(tiny_release, log=log, store=store, follow=False)) as url, httpx.Client(base_url=url, timeout=60) as client:

            def seconds() -> float:
                began = time.monotonic()
                assert client.post("/v1/recommend", json={"user_id": "u1", "k": 5}).status_code == 200
                return time.monotonic() - began

            seconds()
            threads = [threading.Thread(target=write, args=(url, number)) for number in range(WRITERS)]
            for thread in threads:
                thread.start()
            time.sleep(1.5)
            with lock:
                assert statuses[202] > 0
            wire.halt()
            took, ends = list[float](), time.monotonic() + 8
            while time.monotonic() < ends:
                took.append(seconds())
                time.sleep(0.1)
            with lock:
                refused, before = statuses[503], len(acknowledged)
            metrics = client.get("/metrics")
            assert (metrics.status_code, seconds() < 2.5) == (200, True)
            wire.go_on()
            ends = time.monotonic() + 40
            while len(acknowledged) < before + WRITERS and time.monotonic() < ends:
                time.sleep(0.1)
            stop.set()
            for thread in threads:
                thread.join()
        assert max(took) < 2.5, "a broker is waited for 10 seconds and more"
        assert set(statuses) == {202, 503}
        assert refused > WRITERS, "they are not left to wait until the broker is back"
        assert len(acknowledged) >= before + WRITERS, "and it takes events again"
        log.close()
        direct = KafkaEventLog(f"127.0.0.1:{port}")
        assert set(acknowledged) <= set(read_log(direct, direct.end())[0]["event_id"])
        direct.close()
        store.close()


def test_after_some_failures_nobody_waits_until_it_has_rested() -> None:
    now = [0.0]
    with running(lambda: programs.broker(free_port())) as broker:
        log = KafkaEventLog(
            f"127.0.0.1:{broker.port}", partitions=1, wait_seconds=2.0, breaker=Breaker(failures=2, rest_seconds=9, clock=lambda: now[0])
        )
        log.append([event(0)])
        broker.halt()
        for number in (1, 2):
            with pytest.raises(StorageError, match=r"acknowledged|timed out"):
                log.append([event(number)])
        began = time.monotonic()
        for asked in (lambda: log.append([event(3)]), log.end):
            with pytest.raises(StorageError, match="left alone for some seconds"):
                asked()
        assert time.monotonic() - began < 0.2
        broker.go_on()
        assert again(log, now) == 1
        assert log.append([event(5)]).accepted == 1
        log.close()


def again(log: KafkaEventLog, now: list[float]) -> int:
    """One is let through a rest later, and decides."""
    for _ in range(9):
        now[0] += 10.0
        try:
            return log.append([event(4)]).accepted
        except StorageError:
            time.sleep(0.5)
    return 0


def event(number: int) -> LiveEvent:
    return LiveEvent(f"e{number}", "ann", "tea", "view", number)


def test_some_run_some_wait_and_the_others_are_refused_at_once() -> None:
    refused = prometheus_client.Counter("refused", "Refused.", registry=None)

    async def all_of_it() -> list[int | BaseException]:
        at_a_time, gate, started = AtATime("it", most=2, waiting=1, patience=5.0, refused=refused), threading.Event(), time.monotonic()
        running = [asyncio.create_task(at_a_time.run(lambda number=number: (gate.wait(9), number)[1])) for number in range(4)]
        with pytest.raises(UnavailableError, match="2 are under way"):
            await running[3]
        assert time.monotonic() - started < 1
        gate.set()
        found = await asyncio.gather(*running, return_exceptions=True)
        assert await at_a_time.run(lambda: 7) == 7, "and there is room again"
        return found

    found = asyncio.run(all_of_it())
    assert found[:3] == [0, 1, 2]
    assert isinstance(found[3], UnavailableError)


def test_a_turn_that_does_not_come_is_not_waited_for() -> None:
    refused = prometheus_client.Counter("refused", "Refused.", registry=None)

    async def all_of_it() -> None:
        at_a_time, gate = AtATime("it", most=1, waiting=5, patience=0.05, refused=refused), threading.Event()
        first = asyncio.create_task(at_a_time.run(lambda: gate.wait(9)))
        await asyncio.sleep(0)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                await at_a_time.run(lambda: 1)
        gate.set()
        assert await first
        with pytest.raises(KeyError):
            await at_a_time.run(lambda: {}[1])
        assert await at_a_time.run(lambda: 2) == 2

    asyncio.run(all_of_it())
    with pytest.raises(InputError, match="most=0"):
        AtATime("it", most=0, waiting=1, patience=1.0, refused=refused)
