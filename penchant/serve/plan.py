"""What a service of some size needs: memory, processes and waiting times, from what one release takes on this machine.

Everything is measured here and now: how long lists take in one process, how long a scan of a catalogue takes at both sizes,
how large the release and a user's state are. Only the step to another size and to many processes is reckoned.

Letters: N items, S lists measured.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil
from safetensors import safe_open

from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.core.settings import Settings
from penchant.evaluate.queueing import response, servers_needed
from penchant.pipeline.release import Release
from penchant.serve.stores import user_key
from penchant.users.state import RECENT, Did, UserState

_WARM_UP, _SCANS = 10, 20
_MOST_SCANNED = 2_000_000  # vectors that are made for a measurement; beyond, the time grows with their number
_EVENT_BYTES = 15  # of a history in memory: item, action, time, domain
_ID_BYTES = 64  # of a user in the list of users
_LARGE = 20_000  # items from which on the memory of a process tells what an item takes
_MATRICES = ("ease", "item-knn")  # models of the most popular items alone
_SIZES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U8": 1, "I8": 1, "BOOL": 1}


class Wish(Settings):
    """What is planned for.

    Attributes:
        items: N.
        users: Whose state is kept.
        rate: Lists a second, at the busiest time.
        goal_ms: Within which 99 of 100 lists are answered.
        share_busy: Of a core that lists may take on average at most; the rest is for events, swaps and luck.
    """

    items: int
    users: int
    rate: float
    goal_ms: float = 50.0
    share_busy: float = 0.7


@dataclass(frozen=True)
class Measured:
    """What one process of one core does with the release.

    Attributes:
        seconds: float[S], from question to answer of lists asked one after the other over HTTP.
        scan: Seconds of one scan of the release's catalogue.
        scan_wished: Of one with the number of items that is planned for.
        process_bytes: Memory of the process with the release.
        fixed_bytes: Of that, what does not grow with items or users.
        item_bytes: An item.
        user_bytes: A user's history in the release.
        state_bytes: A user's state in the store.
    """

    seconds: np.ndarray
    scan: float
    scan_wished: float
    process_bytes: float
    fixed_bytes: float
    item_bytes: float
    user_bytes: float
    state_bytes: float


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes:
        list_ms: Median time of a list in an idle process, at the wished number of items.
        processes: Servers, a core each; None where no number reaches the goal.
        p50_ms: Expected with so many processes, waiting included.
        p99_ms: Likewise.
        rate_a_process: Lists a second that one process answers within the goal.
        process_gb: Memory of each.
        store_gb: Of the state store.
    """

    list_ms: float
    processes: int | None
    p50_ms: float
    p99_ms: float
    rate_a_process: float
    process_gb: float
    store_gb: float


def measure(release: Release, port: int, *, before: float, items: int, lists: int = 200, seed: int = 0) -> Measured:
    """Ask a server of the release, in this process, for lists of its users.

    Args:
        release: What is served there.
        port: Of the server, on loopback.
        before: Bytes of the process before the release was loaded.
        items: N that is planned for.
        lists: S.
        seed: Of the users who are asked for.
    """
    require(items >= 1, f"items={items}", "a catalogue has items", "pass items>=1")
    users = release.users.decode(generator(seed, lists).integers(1, len(release.users) + 1, lists + _WARM_UP))
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    seconds = np.array([_asked(connection, user) for user in users])[_WARM_UP:]
    connection.close()
    width, here = release.tandem.settings.width, len(release.space.catalog)
    process = float(psutil.Process().memory_info().rss)
    user_bytes = release.histories.num_events / max(len(release.users), 1) * _EVENT_BYTES + _ID_BYTES
    matrices, rows = _tensors(release.path, here)
    item_bytes = (rows + release.space.catalog.table.estimated_size()) / here
    if here >= _LARGE:  # what else grows with items, indexes for example, can be told from what does not
        item_bytes = max(item_bytes, (process - before - matrices - user_bytes * len(release.users)) / here)
    return Measured(
        seconds=seconds,
        scan=_scan(here, width, seed),
        scan_wished=_scan(items, width, seed),
        process_bytes=process,
        fixed_bytes=max(process - item_bytes * here - user_bytes * len(release.users), 0.0),
        item_bytes=item_bytes,
        user_bytes=user_bytes,
        state_bytes=_state_bytes(release, seed),
    )


def plan(wish: Wish, found: Measured) -> Plan:
    """From what one process does to what is needed.

    A list scans the catalogue once: it takes longer by as much as the scan of the wished catalogue does. Processes share
    the requests, each a core of its own; they are enough when 99 of 100 lists come in time and no core is busier than wished.
    """
    times = np.maximum(found.seconds + (found.scan_wished - found.scan), 1e-4)
    goal = wish.goal_ms / 1e3
    in_time = servers_needed(times, wish.rate, goal)
    by_load = int(np.ceil(wish.rate * float(times.mean()) / wish.share_busy))
    processes = None if in_time is None else max(in_time, by_load, 1)
    p50, p99 = (response(times, wish.rate, processes or max(by_load, 1), share) * 1e3 for share in (0.5, 0.99))
    memory = found.fixed_bytes + found.item_bytes * wish.items + found.user_bytes * wish.users
    return Plan(
        list_ms=float(np.median(times)) * 1e3,
        processes=processes,
        p50_ms=p50,
        p99_ms=p99,
        rate_a_process=most_rate(times, goal, wish.share_busy),
        process_gb=memory / 1e9,
        store_gb=found.state_bytes * wish.users / 1e9,
    )


def most_rate(seconds: np.ndarray, goal: float, share_busy: float) -> float:
    """Lists a second that one process answers in time, without being busier than ``share_busy``; 0 where it cannot."""
    low, high = 0.0, share_busy / float(np.mean(seconds))
    if response(seconds, high, 1) <= goal:
        return high
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (middle, high) if response(seconds, middle, 1) <= goal else (low, middle)
    return low


def _asked(connection: HTTPConnection, user: str) -> float:
    started = time.perf_counter()
    connection.request("POST", "/v1/recommend", json.dumps({"user_id": user, "k": 20}), {"content-type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    require(answer.status == 200, f"status {answer.status}", body.decode("utf-8", "replace")[:200], "mend the release first")
    return time.perf_counter() - started


def _scan(items: int, width: int, seed: int) -> float:
    """Median seconds of scoring every item and taking the best 50."""
    made = min(items, _MOST_SCANNED)
    random = generator(seed, items)
    vectors, state = random.standard_normal((made, width), np.float32), random.standard_normal(width, np.float32)
    spent = []
    for _ in range(_SCANS):
        started = time.perf_counter()
        scores = vectors @ state
        np.argpartition(scores, max(made - 50, 0))
        spent.append(time.perf_counter() - started)
    return float(np.median(spent)) * items / made


def _tensors(folder: Path, items: int) -> tuple[float, float]:
    """Bytes of matrices of items by items, which have a bound of their own, and of tensors with a row an item."""
    matrices = rows = 0.0
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, "numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (it is no dict)
                tensor = tensors.get_slice(name)
                shape, size = tensor.get_shape(), np.prod(tensor.get_shape()) * _SIZES.get(tensor.get_dtype(), 4)
                if path.parent.name in _MATRICES:
                    matrices += size
                elif shape and shape[0] in (items, items + 1):
                    rows += size
    return matrices, rows


def _state_bytes(release: Release, seed: int) -> float:
    """Mean bytes of the state of users who did lately what users of the release did, with their keys."""
    h, ids = release.histories, release.space.catalog.items
    rows, users = generator(seed, len(h)).permutation(len(h))[:200], release.users.ids
    sizes = []
    for row in rows.tolist():
        items = ids.decode(h.items[h.offsets[row] : h.offsets[row + 1]][-RECENT:])
        did = [(f"{row}-{place}", Did(item_id, "view", 1_700_000_000 + 60 * place), ()) for place, item_id in enumerate(items)]
        sizes.append(len(UserState().with_events(did).to_bytes()) + len(user_key(users[row])))
    return float(np.mean(sizes)) if sizes else 0.0
