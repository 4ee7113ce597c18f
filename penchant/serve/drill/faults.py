"""What may happen to a running platform, one function each. A fault is over when its function returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import Producer
from redis import Redis

from penchant.serve.drill.scene import Scene
from penchant.serve.kafka_log import TOPIC

#: Seconds that an outage lasts.
OUTAGE = 3.0


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: For the report.
        says: What happens, in a sentence.
        act: Does it; what it returns is told in the report.
        servers: Whether it needs Redis and a broker.
        repeated: Whether it happens as often as asked for, and not once.
        arguments: Further ones of ``penchant serve``.
    """

    name: str
    says: str
    act: Callable[[Scene, np.random.Generator], Mapping[str, Any]]
    servers: bool = False
    repeated: bool = False
    arguments: tuple[str, ...] = field(default=())


def _kill(role: str) -> Callable[[Scene, np.random.Generator], Mapping[str, Any]]:
    def act(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
        program = scene.programs[role]
        time.sleep(float(random.uniform(0.1, 1.5)))  # at no moment in particular
        program.kill()
        started = time.monotonic()
        program.start()
        return {"seconds to start again": time.monotonic() - started}

    return act


def _halt(role: str) -> Callable[[Scene, np.random.Generator], Mapping[str, Any]]:
    def act(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
        scene.programs[role].halt()
        time.sleep(OUTAGE)
        scene.programs[role].go_on()
        return {"seconds": OUTAGE}

    return act


def _redis_anew(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    scene.programs["redis"].kill()
    time.sleep(OUTAGE)
    scene.programs["redis"].start()
    return {"seconds": OUTAGE}


def _flush(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    client = Redis(port=scene.programs["redis"].port)
    keys = client.dbsize()
    client.flushall()
    client.close()
    return {"keys forgotten": keys}


def _poison(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{scene.programs['broker'].port}"})
    letters = [b"", b"{", b"\xff\xfe", b'{"event_id": 1}', b"[]" * 1000]
    for place, letter in enumerate(letters):
        producer.produce(TOPIC, letter, partition=place % 4)
    left = producer.flush(10)
    return {"records": len(letters) - left}


def _crowd(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    return scene.visitors.more(40, OUTAGE)


FAULTS = (
    Fault("kill worker", "The worker is killed and started again.", _kill("worker"), repeated=True),
    Fault("kill server", "The server is killed and started again.", _kill("server"), repeated=True),
    Fault("hang worker", "The worker hangs for a while.", _halt("worker")),
    Fault("hang redis", "Redis holds its connections and answers nothing for a while.", _halt("redis"), servers=True),
    Fault("stop redis", "Redis ends, and comes back with nothing in it.", _redis_anew, servers=True),
    Fault("flush redis", "All that Redis holds is deleted.", _flush, servers=True),
    Fault("hang broker", "The broker holds its connections and answers nothing for a while.", _halt("broker"), servers=True),
    Fault("poison", "Records that are no events are written to the log.", _poison, servers=True),
    Fault("crowd", "Forty more people ask without a pause.", _crowd, arguments=("--most-running", "16", "--deadline-ms", "200")),
)
