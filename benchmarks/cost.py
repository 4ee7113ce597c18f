"""What the platform costs as users and catalogue grow: time, bytes and pace at several sizes, each in a fresh process.

Users: a store of users with 20 events and a vector of 128 numbers each, all made up. Measured: reading state and vector of one
of them, what they take on disk (files) or in memory (Redis), and how many events a second a worker follows over all of them.

Items: a made-up catalogue whose items lie in clusters, each with 20 neighbours. Measured: one list of 20 out of what lies near
a user's vector, what goes with the newest items and what is popular, merged, under the default rules, without reasons; and the
memory of the process. No network takes part: what networks cost by size stands under generative retrieval.

Run: python -m benchmarks.cost
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
import torch
from redis import Redis
from scipy import sparse

from benchmarks.harness import alone, answer, row, write
from penchant.contracts import TopK
from penchant.core.machine import peak_memory_mb
from penchant.core.progress import quiet
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.models.retrieval.linear import LinearItemModel
from penchant.models.retrieval.popularity import Popularity
from penchant.pipeline.indexed import LARGE, indexed, open_items
from penchant.pipeline.recommender import Recommender, Rung
from penchant.pipeline.rules.goods import Goods
from penchant.search.approximate import FlatIndex, IVFPQIndex
from penchant.serve.drill import programs
from penchant.serve.events import LiveEvent
from penchant.serve.near_line import NearLine
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Write, user_key
from penchant.serve.user_vectors import vector_key
from penchant.users.state import Did, UserState
from penchant.users.vector import UserVector

USERS = (10_000, 100_000, 1_000_000)
ITEMS = (10_000, 100_000, 1_000_000)
EVENTS, WIDTH, NEIGHBOURS = 20, 128, 20  # of a user; of a vector; of an item
READS, FOLLOWED, LISTS = 2_000, 20_000, 300
STORES = ("files", "Redis")


@contextmanager
def opened(name: str, folder: Path) -> Iterator[tuple[StateStore, Callable[[], float]]]:
    """An empty store of a kind, and what tells the bytes that it takes."""
    if name == "files":
        with closing(SqliteStateStore(folder / "state.sqlite")) as store:
            yield store, lambda: float(sum(path.stat().st_size for path in folder.glob("state.sqlite*")))
        return
    with programs.redis(folder, programs.free_port()) as program:
        url = f"redis://127.0.0.1:{program.port}"
        with closing(RedisStateStore(url, wait_seconds=30.0)) as store, closing(Redis.from_url(url)) as beside:
            yield store, lambda: float(beside.info("memory")["used_memory"])


def fill(store: StateStore, users: int) -> None:
    """Users with state and vector; a thousand different ones, again and again."""
    random, now = np.random.default_rng(0), int(time.time())
    made = []
    for _ in range(1_000):
        recent = tuple(Did(f"item {code}", "view", now - 60 * age) for age, code in enumerate(random.integers(50_000, size=EVENTS)))
        marks = tuple(random.integers(2**63, size=EVENTS).tolist())
        vector = UserVector(random.normal(size=WIDTH).astype(np.float32), EVENTS, now, float(now), 1)
        made.append((UserState(recent, marks, EVENTS).to_bytes(), vector.to_bytes()))
    for start in range(0, users, 500):
        writes = {}
        for number in range(start, min(start + 500, users)):
            state, vector_bytes = made[number % len(made)]
            writes[user_key(f"user {number}")], writes[vector_key(f"user {number}", "release")] = Write(state), Write(vector_bytes)
        assert store.put(writes)


def of_users(name: str, users: int) -> dict[str, float]:
    """What is measured with so many users."""
    with tempfile.TemporaryDirectory() as place, opened(name, Path(place)) as (store, bytes_taken):
        before = bytes_taken()
        fill(store, users)
        taken = bytes_taken() - before
        random = np.random.default_rng(1)

        def read() -> None:
            user = f"user {random.integers(users)}"
            state, vector = store.get([user_key(user), vector_key(user, "release")])
            assert state is not None
            assert vector is not None
            UserState.from_bytes(state.value)
            UserVector.from_bytes(vector.value)

        spent = _spent(read, READS)
        with closing(SqliteEventLog(Path(place) / "events.sqlite")) as log:
            now = int(time.time())
            for start in range(0, FOLLOWED, 1_000):
                who, what = random.integers(users, size=1_000), random.integers(50_000, size=1_000)
                places = range(start, start + 1_000)
                log.append([LiveEvent(f"e{n}", f"user {u}", f"item {i}", "view", now) for n, u, i in zip(places, who, what, strict=True)])
            worker = NearLine(log, store).worker
            began = time.perf_counter()
            while worker.step():
                pass
            pace = FOLLOWED / (time.perf_counter() - began)
    return {"median": float(np.median(spent)), "p99": float(np.quantile(spent, 0.99)), "bytes": taken / users, "pace": pace}


class Nearest:
    """The items nearest to the mean vector of a history: what a stored vector costs, without the store."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors, self.num_items = vectors, len(vectors)
        self.index = FlatIndex() if len(vectors) <= LARGE else IVFPQIndex()
        self.index.add(vectors)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``Retriever``; enough is looked up for what is excluded."""
        queries = np.stack([self.vectors[histories.row(row) - 1].mean(axis=0) for row in range(len(histories))])
        return open_items(self.index.search(queries, min(2 * k, self.num_items)), k, exclude, lambda row: self.index.search(queries, k))


class Even:
    """Finds every item as probable, whatever the history."""

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """See ``Explainer``."""
        return np.full((len(histories), len(items)), -np.log(len(items)), np.float32)


def of_items(items: int) -> dict[str, float]:
    """What is measured with so many items."""
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    centres = random.normal(size=(max(items // 50, 1), WIDTH)).astype(np.float32)
    vectors = centres[random.integers(len(centres), size=items)] + 0.5 * random.normal(size=(items, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    counts = np.concatenate([[0.0], np.floor(1e6 / np.arange(1, items + 1))])
    names = pl.Series([f"item {code}" for code in range(items)])
    brands = pl.Series([f"brand {code % 1_000}" for code in range(items)])
    catalog = Catalog(pl.DataFrame({"item_id": names, "title": names, "brand": brands}))
    places = np.repeat(np.arange(items), NEIGHBOURS), random.integers(items, size=items * NEIGHBOURS)
    near = sparse.csr_matrix((random.random(items * NEIGHBOURS).astype(np.float32), places), shape=(items, items))
    models = {"item-knn": LinearItemModel(near, np.arange(1, items + 1), items), "popularity": Popularity(counts)}
    generators = {**models, **indexed(models), "stored": Nearest(vectors)}
    recommender = Recommender(
        catalog,
        generators,
        rungs=[Rung("stored", {"stored": 2.0, "item-knn": 1.0, "popularity": 0.3})],
        newcomers={"popularity": 1.0},
        last="popularity",
        explainer=Even(),
        goods=Goods(catalog, events=counts.astype(np.int64)),
    )
    histories = [Histories.of([random.integers(1, items + 1, size=EVENTS)]) for _ in range(LISTS + 20)]
    for history in histories[:20]:
        recommender.recommend(history=history, k=20, explain=False)
    asked = iter(histories[20:])
    spent = _spent(lambda: recommender.recommend(history=next(asked), k=20, explain=False), LISTS)
    return {"median": float(np.median(spent)), "p99": float(np.quantile(spent, 0.99)), "memory": peak_memory_mb()}


def _spent(call: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each call."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1e3)
    return found


def main() -> None:
    """Measure all sizes, one after the other."""
    rows: list[dict[str, Any]] = []
    for name in STORES:
        for users in USERS:
            found = alone("benchmarks.cost", "users", name, str(users))
            about = f"{users:,} users, {name}"
            rows.append(row(f"{about}: state and vector of one read, median", "ms", found["median"]))
            rows.append(row(f"{about}: state and vector of one read, 99 of 100", "ms", found["p99"], bar=3.0))
            rows.append(row(f"{about}: bytes a user", "bytes", found["bytes"]))
            rows.append(row(f"{about}: events followed by a worker", "a second", found["pace"], bar=5_000, below=False))
    for items in ITEMS:
        found = alone("benchmarks.cost", "items", str(items))
        rows.append(row(f"{items:,} items: a list without networks, median", "ms", found["median"]))
        rows.append(row(f"{items:,} items: a list without networks, 99 of 100", "ms", found["p99"]))
        rows.append(row(f"{items:,} items: memory of the process at most", "MB", found["memory"]))
    write("cost", rows)


if __name__ == "__main__":
    quiet()
    match sys.argv[1:]:
        case ["users", name, users]:
            answer(of_users(name, int(users)))
        case ["items", items]:
            answer(of_items(int(items)))
        case _:
            main()
