"""The online platform on the Complete Journey: latency under load, what a moment's events cost, batches, the worker's speed.

The server runs in a process of its own; the load generator shares the cores with it. Needs a release:

    python -m benchmarks.serving_release         # or, for an hour: penchant train complete-journey
    python -m benchmarks.serving [FOLDER]        # of the release; default: runs/complete-journey/release; --part for a part alone
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import RESULTS, compared, row, stamped, write
from benchmarks.load import Body, Told, closed_loop, numbered, once, open_loop
from penchant.pipeline.release import Release, load_release
from penchant.serve.drill import programs
from penchant.serve.events import LiveEvent
from penchant.serve.near_line import NearLine
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState

RELEASE = Path("runs/complete-journey/release")
DEADLINE = ("--deadline-ms", "20")
RATES = (10, 20, 30, 40, 50, 80, 120, 160)
SECONDS, EVENTS = 12.0, 200
BASKET = 4  # events a request


@contextmanager
def server(release: Path, folder: Path, *options: str, program: str = "penchant.cli.main") -> Iterator[int]:
    """The port of ``penchant serve``, or of another module with its command line, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        program,
        "serve",
        "--release",
        str(release),
        "--state",
        str(folder),
        "--port",
        "0",
        *options,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        assert process.stderr is not None
        said = ""
        while (found := re.search(r"http://127\.0\.0\.1:(\d+)/", said)) is None:
            line = process.stderr.readline()
            assert line, said
            said += line
        yield int(found[1])
    finally:
        process.terminate()
        process.communicate()


class Shop:
    """Requests as they come: users of the release, their newest purchases once more, as of now."""

    def __init__(self, release: Release, *, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.users = release.users.ids.to_list()
        h = release.histories
        newest = np.argsort(h.times, kind="stable")[-50_000:]
        self.bought_by = release.users.decode(h.users[h.rows[newest]])
        self.bought = release.space.catalog.items.decode(h.items[newest])
        self.ids, self.at = numbered(), 0

    def visit(self) -> dict[str, Any]:
        """A request for a list."""
        return {"user_id": self.users[self.random.integers(len(self.users))], "k": 20}

    def basket(self) -> dict[str, Any]:
        """A request that logs some purchases of one household."""
        places = [(self.at + step) % len(self.bought) for step in range(BASKET)]
        self.at += BASKET
        return {
            "events": [
                {"event_id": next(self.ids), "user_id": self.bought_by[places[0]], "item_id": self.bought[place], "event": "purchase"}
                for place in places
            ]
        }


def stages(told: Told) -> dict[str, float]:
    """Median milliseconds of each stage, as the answers say."""
    names = told.answers[0]["milliseconds"]
    return {name: float(np.median([one["milliseconds"].get(name, 0.0) for one in told.answers])) for name in names}


def under_load(port: int, shop: Shop, rate: float) -> Told:
    """Lists at ``rate`` a second, while events flow in."""
    kinds: dict[str, tuple[Body, float]] = {"/v1/recommend": (shop.visit, rate), "/v1/events": (shop.basket, EVENTS / BASKET)}
    return open_loop(port, kinds, SECONDS)["/v1/recommend"]


def latency(release: Path, shop: Shop, rows: list[dict[str, Any]], *options: str, named: str) -> None:
    """Latency at 50 a second, and the highest rate that keeps the bar."""
    with tempfile.TemporaryDirectory() as folder, server(release, Path(folder), *options) as port:
        open_loop(port, {"/v1/recommend": (shop.visit, 10)}, 5.0)
        found = {rate: under_load(port, shop, rate) for rate in RATES}
    at = found[50]
    what = f"lists at 50 a second, {EVENTS} events a second beside it, {named}"
    rows.append(row(f"{what}: median", "ms", at.quantile_ms(0.5), bar=15))
    rows.append(row(f"{what}: 99 of 100", "ms", at.quantile_ms(0.99), bar=50))
    rungs = [answer["rung"] for answer in at.answers]
    best = rungs.count("generative") / max(len(rungs), 1)
    rows.append(row(f"{what}: share made in the best way", "share", best, refused=at.refused))
    told = sum("reasons" not in answer["parts"]["missing"] for answer in at.answers) / max(len(rungs), 1)
    rows.append(row(f"{what}: share with reasons", "share", told, rungs={name: rungs.count(name) for name in sorted(set(rungs))}))
    for name, spent in stages(found[10]).items():
        rows.append(row(f"a list at 10 a second, {named}: {name}", "ms", spent))
    holding = [rate for rate, told in found.items() if told.quantile_ms(0.99) < 50 and not told.refused]
    rows.append(row(f"highest of the rates {RATES} with 99 of 100 below 50 ms, {named}", "a second", max(holding, default=0)))
    few, many = stages(found[RATES[0]]), stages(found[RATES[-1]])
    grown = max((name for name in many if name != "total"), key=lambda name: many[name] - few.get(name, 0.0))
    rows.append(
        row(f"stage that grows most from {RATES[0]} to {RATES[-1]} a second, {named}: {grown}", "ms", many[grown] - few.get(grown, 0.0))
    )
    for rate, told in found.items():
        rows.append(row(f"lists at {rate} a second, {named}: 99 of 100", "ms", told.quantile_ms(0.99), median=told.quantile_ms(0.5)))


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, ...]]:
    """Options that put state and log on a Redis and a broker of their own."""
    with programs.redis(folder, programs.free_port()) as redis, programs.broker(programs.free_port()) as broker:
        yield "--redis", f"redis://127.0.0.1:{redis.port}", "--kafka", f"127.0.0.1:{broker.port}"


def visible(release: Path, shop: Shop, rows: list[dict[str, Any]], *options: str, on: str) -> None:
    """From an event's acknowledgement to the first list that knows of it."""
    with tempfile.TemporaryDirectory() as folder, server(release, Path(folder), *options) as port:
        seconds = []
        for visitor in range(40):
            event = {"event_id": next(shop.ids), "user_id": f"visitor {visitor}", "item_id": shop.bought[visitor], "event": "view"}
            once(port, "/v1/events", {"events": [event]})
            begun = time.perf_counter()
            while not once(port, "/v1/recommend", {"user_id": f"visitor {visitor}", "k": 5})["history_length"]:
                pass
            seconds.append(time.perf_counter() - begun)
    what = f"from an acknowledged event to the end of the first list that knows of it, {on}: 95 of 100"
    rows.append(row(what, "s", float(np.quantile(seconds, 0.95)), bar=1.0))


def batches(release: Path, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Lists a second when 32 clients always wait, with batches and without."""
    ours: list[float] = []
    alone: list[float] = []
    for _ in range(2):
        for size, runs in ((32, ours), (1, alone)):
            with tempfile.TemporaryDirectory() as folder, server(release, Path(folder), "--batch", str(size)) as port:
                closed_loop(port, "/v1/recommend", shop.visit, 32, 3.0)
                runs.append(len(closed_loop(port, "/v1/recommend", shop.visit, 32, 10.0).seconds) / 10.0)
    rows.append(
        {**compared("lists with 32 clients, batches of 32 against batches of 1", "a second", ours, alone, bar=2), "peer_name": "one by one"}
    )


def network_batches(release: Release) -> dict[str, Any]:
    """What a batch saves in Tandem's call alone, on one core: the most that batches can give a whole list, which also needs reasons."""
    model, histories = release.models["tandem"], release.histories.take(np.arange(min(64, len(release.histories))))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found: dict[int, list[float]] = {1: [], 32: []}
    for _ in range(3):
        for size, rates in found.items():
            parts = [histories.take(np.arange(start, start + size)) for start in range(0, len(histories) // size * size, size)]
            begun = time.perf_counter()
            for part in parts:
                model.recommend(part, 60, exclude=part)
            rates.append(len(parts) * size / (time.perf_counter() - begun))
    torch.set_num_threads(threads)
    what = "Tandem's call alone, one core, batches of 32 against batches of 1"
    return {**compared(what, "rows a second", found[32], found[1]), "peer_name": "one by one"}


def near_line(release: Release, rows: list[dict[str, Any]]) -> None:
    """What the log takes and the worker follows, and what a user's state costs, in one process on files."""
    h, catalog = release.histories, release.space.catalog
    order = np.argsort(h.times, kind="stable")[-100_000:]
    users, items = release.users.decode(h.users[h.rows[order]]), catalog.items.decode(h.items[order])
    times = (h.times[order] - h.times[order][-1] + int(time.time())).tolist()
    events = [LiveEvent(f"e{n}", *one) for n, one in enumerate(zip(users, items, ["purchase"] * len(order), times, strict=True))]
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SqliteEventLog(Path(folder) / "log")) as log,
        closing(SqliteStateStore(Path(folder) / "state")) as store,
    ):
        begun = time.perf_counter()
        for start in range(0, len(events), 1_000):
            log.append(events[start : start + 1_000])
        rows.append(row("events logged, 1,000 at a time", "a second", len(events) / (time.perf_counter() - begun)))
        following = NearLine(log, store)
        following.know(catalog)
        begun = time.perf_counter()
        while following.worker.step():
            pass
        rows.append(
            row("events followed by a worker, files", "a second", len(events) / (time.perf_counter() - begun), bar=5_000, below=False)
        )
        state = LiveState(catalog, release.users, h, log)
        spent = [_seconds(lambda user=user: state.person(user)) for user in np.random.default_rng(0).choice(users, 2_000)]
        rows.append(row("a user put together from release and log: 99 of 100", "ms", float(np.quantile(spent, 0.99)) * 1e3, bar=3))


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def follow(_: Path, release: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """The log, the worker and a user's state."""
    near_line(release, rows)


def free(folder: Path, _: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Lists that take as long as they take."""
    latency(folder, shop, rows, named="no deadline")


def within(folder: Path, _: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Lists with a deadline."""
    latency(folder, shop, rows, *DEADLINE, named="a deadline of 20 ms")


def stored(folder: Path, _: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """Lists with a deadline and without networks."""
    latency(folder, shop, rows, *DEADLINE, "--dear-cores", "0", named="a deadline of 20 ms, stored vectors alone")


def travel(folder: Path, _: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """How soon a list knows of an event."""
    visible(folder, shop, rows, on="files")
    with tempfile.TemporaryDirectory() as place, servers(Path(place)) as options:
        visible(folder, shop, rows, *options, on="Redis and a broker")


def together(folder: Path, release: Release, shop: Shop, rows: list[dict[str, Any]]) -> None:
    """What batches are worth: of whole lists, and of the network's call."""
    batches(folder, shop, rows)
    rows.append(network_batches(release))


PARTS = {"worker": follow, "free": free, "deadline": within, "stored": stored, "visible": travel, "batches": together}


def main() -> None:
    """Measure all, one after the other, or the parts named; rows of others stay as they were measured."""
    parser = argparse.ArgumentParser(description="The online platform under load.")
    parser.add_argument("release", nargs="?", type=Path, default=RELEASE, help="folder of a release of the Complete Journey")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="this one alone; repeat for several")
    asked = parser.parse_args()
    release, order = load_release(asked.release), list(PARTS)
    shop, before = Shop(release), RESULTS / "serving.json"
    found = json.loads(before.read_text(encoding="utf-8")) if asked.part and before.exists() else []
    for part in asked.part or order:
        rows: list[dict[str, Any]] = []
        PARTS[part](asked.release, release, shop, rows)
        found = [one for one in found if one["part"] != part] + [stamped({**one, "part": part}) for one in rows]
        write("serving", sorted(found, key=lambda one: order.index(one["part"])))


if __name__ == "__main__":
    main()
