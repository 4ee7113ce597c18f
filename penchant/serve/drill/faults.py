"""What may happen to a running platform, one function each. A fault is over when its function returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import Producer
from redis import Redis

from penchant.core.errors import InputError, StorageError, require
from penchant.serve.backends import SERVED_NAME
from penchant.serve.drill import networks, offline, releases
from penchant.serve.drill.disk import full
from penchant.serve.drill.scene import Scene, Setting, until
from penchant.serve.drill.switches import CLOCK, DELAY, HANG
from penchant.serve.drill.visitors import OK, Line
from penchant.serve.kafka_log import TOPIC
from penchant.serve.set_aside import DEAD
from penchant.serve.sqlite_served import SqliteServedLog

#: Seconds that an outage lasts.
OUTAGE = 3.0
#: Seconds for which nobody follows the log.
LONG = 60.0
_HOUR = 3_600.0
#: Seconds that the clocks of server and worker are off, one after the other: a day ahead is the most that an event may be.
_STEPS = (20 * _HOUR, -2 * _HOUR, -30 * 24 * _HOUR, 0.0)
#: Seconds that every piece on its way to Redis and back is held up; the store waits one second for an answer.
_DELAYS = (0.02, 0.2, 2.0)
#: A rule that holds and ends and begins again while the clock is stepped.
_SEASONAL = """rules:
  - rule: diversity
    starts: {starts}
    ends: {ends}
"""

Act = Callable[[Scene, np.random.Generator], Mapping[str, Any]]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: For the report.
        says: What happens, in a sentence.
        act: Does it; what it returns is told in the report.
        servers: Whether it needs Redis and a broker.
        repeated: Whether it happens as often as asked for, and not once.
        setting: What the platform has besides the usual.
    """

    name: str
    says: str
    act: Act
    servers: bool = False
    repeated: bool = False
    setting: Setting = field(default=Setting())


def _away(role: str, seconds: float = 0.0) -> Act:
    def act(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
        scene.programs[role].kill()
        time.sleep(seconds)
        started = time.monotonic()
        scene.programs[role].start()
        return {"seconds away": seconds, "seconds to start again": time.monotonic() - started}

    return act


def _halt(role: str) -> Act:
    def act(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
        scene.programs[role].halt()
        time.sleep(OUTAGE)
        scene.programs[role].go_on()
        return {"seconds": OUTAGE}

    return act


def _long_stop(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    worker = scene.programs["worker"]
    worker.kill()
    time.sleep(LONG)
    started = time.monotonic()
    worker.start()
    behind, _ = scene.caught_up()
    seconds = time.monotonic() - started
    return {"events behind": behind, "seconds until they were dealt with, its start included": seconds}


def _slow(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    try:
        for delay in _DELAYS:
            scene.switches.turn(DELAY, delay)
            time.sleep(OUTAGE)
    finally:
        scene.switches.turn(DELAY, 0.0)
    return {"seconds of delay": list(_DELAYS)}


def _flush(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    client = Redis(port=scene.programs["redis"].port)
    keys = client.dbsize()
    client.flushall()
    client.close()
    started = time.monotonic()
    scene.caught_up()
    return {"keys forgotten": keys, "seconds in which all was made anew, at most": time.monotonic() - started}


def _poison(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{scene.programs['broker'].port}"})
    letters = [b"", b"{", b"\xff\xfe", b'{"event_id": 1}', b"[]" * 1000]
    for place, letter in enumerate(letters):
        producer.produce(TOPIC, letter, partition=place % 4)
    require(not producer.flush(10), "the broker", "it did not take all records", "see what it says", StorageError)
    scene.caught_up()
    with scene.data() as (_, store):
        aside = len(store.names(DEAD))
    require(aside == len(letters), f"{aside} of {len(letters)}", "not all were set aside", "see penchant.serve.worker", StorageError)
    return {"records set aside with a reason": aside}


def _crowd(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    return scene.visitors.more(40, OUTAGE)


def _full_disk(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    processes = [scene.programs[role].process for role in ("server", "worker")]
    with full(scene.state, [process.pid for process in processes if process is not None]) as how:
        time.sleep(OUTAGE)
    room = time.time()
    with closing(SqliteServedLog(scene.state / SERVED_NAME)) as answers:
        again = until(lambda: bool(answers.since(room, 1)), "the log of answers", "it holds none of since there was room")
    return {"how": how, "seconds until answers were kept again": again}


def _hang_model(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    line = Line(scene.visitors.port, scene.visitors.key)

    def why() -> str | None:
        outcome, answer = line.ask("/v1/recommend", {"user_id": scene.visitors.users[0], "k": 10, "trace": True})
        return answer["trace"]["generators"].get("tandem", {}).get("missing") if outcome == OK else None

    try:
        scene.switches.turn(HANG, 1.0)
        alone = until(lambda: "resting" in (why() or ""), "the breaker of the model", "it is not open")
        time.sleep(OUTAGE)
    finally:
        scene.switches.turn(HANG, 0.0)
        line.close()
    return {"seconds until it was left alone": alone}


def _step_clock(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    try:
        for step in _STEPS:
            scene.switches.turn(CLOCK, step)
            time.sleep(OUTAGE / 2)
    finally:
        scene.switches.turn(CLOCK, 0.0)
    return {"hours": [step / _HOUR for step in _STEPS]}


def _seasonal() -> str:
    starts, ends = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + ahead)) for ahead in (-_HOUR, _HOUR))
    return _SEASONAL.format(starts=starts, ends=ends)


def _hang_networks(scene: Scene, random: np.random.Generator) -> Mapping[str, Any]:
    return networks.hanging(scene, random, OUTAGE)


_IMPATIENT = ("--deadline-ms", "500")
FAULTS = (
    Fault("kill worker", "The worker is killed and started again.", _away("worker"), repeated=True),
    Fault("kill server", "The server is killed and started again.", _away("server"), repeated=True),
    Fault("kill job", "The offline job is killed and started again.", offline.killed, repeated=True),
    Fault("hang worker", "The worker hangs for a while.", _halt("worker")),
    Fault("stop worker", "Nobody follows the log for a minute.", _long_stop, setting=Setting(batch=50)),
    Fault("hang model", "A model begins and does not end.", _hang_model, setting=Setting(arguments=_IMPATIENT, altered=True)),
    Fault("kill networks", "The process of the networks is killed.", networks.killed, repeated=True, setting=Setting(("--apart",))),
    Fault("hang networks", "The process of the networks hangs for a while.", _hang_networks, setting=Setting(("--apart", *_IMPATIENT))),
    Fault("spoilt release", "A release that was spoilt is made live, and then one that is whole.", releases.spoilt, repeated=True),
    Fault("full disk", "The disk of log and state is full for a while.", _full_disk, setting=Setting(small_disk=True)),
    Fault("clock", "The clocks of server and worker jump.", _step_clock, setting=Setting(altered=True, keys=True, rules=_seasonal)),
    Fault("hang redis", "Redis holds its connections and answers nothing for a while.", _halt("redis"), servers=True),
    Fault("slow redis", "Redis answers later and later.", _slow, servers=True, setting=Setting(wires=("redis",))),
    Fault("stop redis", "Redis ends, and comes back with nothing in it.", _away("redis", OUTAGE), servers=True),
    Fault("flush redis", "All that Redis holds is deleted.", _flush, servers=True),
    Fault("hang broker", "The broker holds its connections and answers nothing for a while.", _halt("broker"), servers=True),
    Fault(
        "stop broker",
        "Nobody reaches the broker for a while.",
        _away("broker wire", OUTAGE),
        servers=True,
        setting=Setting(wires=("broker",)),
    ),
    Fault("poison", "Records that are no events are written to the log.", _poison, servers=True),
    Fault("crowd", "Forty more people ask without a pause.", _crowd, setting=Setting(("--most-running", "16", "--deadline-ms", "200"))),
)


def chosen(names: list[str] | None) -> list[Fault]:
    """The faults of these names; all of them where none is named.

    Raises:
        InputError: There is no fault of a name.
    """
    known = {fault.name: fault for fault in FAULTS}
    unknown = sorted(set(names or ()) - set(known))
    if unknown:
        raise InputError(f"faults {unknown}", "there are no such faults", f"pass some of: {', '.join(known)}")
    return [known[name] for name in names or known]
