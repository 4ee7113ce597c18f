"""Stored vectors: a miss costs nothing and leads to one refresh, events make stale, models never mix."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.core.errors import ArtifactError, StorageError, require
from penchant.data.histories import Histories
from penchant.serve.events import LiveEvent
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stored_events import StoredEvents
from penchant.serve.stores import Write, user_key
from penchant.serve.user_vectors import UserVectors, VectorSettings, vector_key
from penchant.serve.vector_metrics import VectorMetrics
from penchant.serve.worker import Worker

NOW = 1_000_000.0


class Sums:
    """A model that any reader can check: the sum of the items and their number."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor, self.rows, self.gate = factor, 0, threading.Event()
        self.gate.set()

    def users(self, histories: Histories) -> np.ndarray:
        assert self.gate.wait(10)
        self.rows += len(histories)
        sums = [histories.row(row).sum() for row in range(len(histories))]
        return np.array([sums, histories.lengths], np.float32).T * self.factor


class Shop:
    """A log, a worker, a store and vectors over them."""

    def __init__(self, folder: Path) -> None:
        self.log, self.store = SqliteEventLog(folder / "events.sqlite"), SqliteStateStore(folder / "state.sqlite")
        self.worker = Worker(self.log, self.store, lambda item: [], clock=lambda: NOW)
        self.events = StoredEvents(self.store)
        self.model, self.metrics, self.logged = Sums(), VectorMetrics(), 0

    def vectors(self, model: str = "m", encoder: Sums | None = None, **how: Any) -> UserVectors:
        """Driven by ``step``, and not by a thread of their own."""
        how = {"metrics": self.metrics, "clock": lambda: NOW, "starts": False} | how
        return UserVectors(self.store, encoder or self.model, model, self.history, **how)

    def history(self, user: str) -> Histories:
        done = self.events.of_user(user)
        return Histories.of([[int(one.item_id) for one in done]], times=[[one.timestamp for one in done]])

    def happens(self, *events: tuple[str, int]) -> None:
        """(user, item) each, and the worker follows."""
        self.log.append([LiveEvent(f"e{self.logged + n}", user, str(item), "view", 900 + n) for n, (user, item) in enumerate(events)])
        self.logged += len(events)
        while self.worker.step():
            pass

    def count(self, name: str, **labels: str) -> float:
        return next(
            sample.value
            for metric in (self.metrics.reads, self.metrics.refreshes)
            for family in metric.collect()
            for sample in family.samples
            if sample.name == f"penchant_user_vector{name}_total" and sample.labels == labels
        )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.log.close()
    made.store.close()


def values(vectors: UserVectors, *users: str) -> list[list[float] | None]:
    return [None if read is None else read.vector.values.tolist() for read in vectors.read(users)]


def test_a_miss_is_nothing_at_once_and_a_vector_soon(shop: Shop) -> None:
    shop.happens(("ann", 3), ("ann", 4), ("bob", 9))
    vectors = shop.vectors()
    assert values(vectors, "ann", "bob") == [None, None]
    assert shop.model.rows == 0, "nobody waits for the model"
    assert vectors.step() == 2
    assert values(vectors, "ann", "bob") == [[7.0, 2.0], [9.0, 1.0]]
    (read,) = vectors.read(["ann"])
    assert read is not None
    assert (read.fresh, read.vector.events, read.vector.newest, read.vector.made) == (True, 2, 901, NOW)
    assert vectors.step() == 0
    assert shop.model.rows == 2, "what is fresh is not made again"
    assert shop.count("s_read", outcome="miss") == 2
    assert shop.count("s_read", outcome="fresh") == 3
    assert shop.count("_refreshes", outcome="made") == 2


def test_an_event_makes_stale_and_the_old_vector_serves_meanwhile(shop: Shop) -> None:
    vectors = shop.vectors()
    shop.happens(("ann", 3), ("bob", 1))
    vectors.ask(["ann", "bob"])
    vectors.step()
    shop.happens(("ann", 4))
    found = vectors.read(["ann", "bob"])
    assert [(read.fresh, read.vector.values.tolist()) for read in found if read] == [(False, [3.0, 1.0]), (True, [1.0, 1.0])]
    assert vectors.step() == 1
    assert values(vectors, "ann") == [[7.0, 2.0]]
    assert shop.model.rows == 3


def test_an_event_during_the_refresh_is_not_lost(shop: Shop) -> None:
    vectors = shop.vectors()
    shop.happens(("ann", 3))
    vectors.ask(["ann"])
    shop.model.gate.clear()
    refreshing = threading.Thread(target=vectors.step)
    refreshing.start()
    shop.happens(("ann", 4))
    shop.model.gate.set()
    refreshing.join()
    (read,) = vectors.read(["ann"])
    assert read is not None
    assert read.fresh is (read.vector.events == 2), "who has not seen it knows it is stale"
    vectors.step()
    assert values(vectors, "ann") == [[7.0, 2.0]]


def test_many_who_miss_at_once_lead_to_one_refresh(shop: Shop) -> None:
    shop.happens(("ann", 3))
    replicas = [shop.vectors() for _ in range(4)]
    shop.model.gate.clear()

    def serve(vectors: UserVectors) -> None:
        for _ in range(10):
            assert values(vectors, "ann") == [None]
            vectors.ask(["ann"])
        vectors.step()

    threads = [threading.Thread(target=serve, args=(vectors,)) for vectors in replicas]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    shop.model.gate.set()
    for thread in threads:
        thread.join()
    for vectors in replicas:
        vectors.step()
    assert shop.model.rows == 1
    assert shop.count("_refreshes", outcome="made") == 1


def test_models_do_not_mix(shop: Shop) -> None:
    shop.happens(("ann", 3))
    before, after = shop.vectors("before"), shop.vectors("after", Sums(-1.0))
    before.ask(["ann"])
    before.step()
    assert values(after, "ann") == [None]
    after.step()
    assert values(before, "ann") + values(after, "ann") == [[3.0, 1.0], [-3.0, -1.0]]


def test_one_process_asks_and_another_works(shop: Shop) -> None:
    shop.happens(("ann", 3))
    server, worker = shop.vectors(works=lambda: False), shop.vectors()
    server.ask(["ann"])
    assert (server.step(), values(server, "ann")) == (0, [None])
    assert worker.step() == 1
    assert values(server, "ann") == [[3.0, 1.0]]


def test_vectors_end(shop: Shop) -> None:
    shop.happens(("ann", 3))
    vectors = shop.vectors(settings=VectorSettings(kept_seconds=0.2))
    vectors.ask(["ann"])
    vectors.step()
    assert values(vectors, "ann") == [[3.0, 1.0]]
    time.sleep(0.3)
    assert values(vectors, "ann") == [None]
    assert vectors.step() == 1


def test_who_did_nothing_gets_no_vector(shop: Shop) -> None:
    vectors = shop.vectors()
    vectors.ask(["nobody"])
    assert vectors.step() == 1, "the place in the queue is given up"
    assert (values(vectors, "nobody"), shop.store.names("vector:"), shop.model.rows) == ([None], [], 0)


def test_a_vector_that_is_no_number_is_not_stored_and_not_tried_at_once(shop: Shop) -> None:
    shop.happens(("ann", 3), ("bob", 2))
    broken = shop.vectors(encoder=Sums(np.inf))
    broken.ask(["ann"])
    assert broken.step() == 0
    assert values(broken, "ann") == [None]
    assert shop.count("_refreshes", outcome="failed") == 1
    assert broken.step() == 0
    assert shop.count("_refreshes", outcome="failed") == 1


def test_one_whose_state_is_spoilt_keeps_nobody_from_a_vector(shop: Shop) -> None:
    shop.happens(("ann", 1), ("ben", 2), ("cat", 3))

    def history(user: str) -> Histories:
        require(user != "ben", "3 bytes", "a state is damaged", "forget the user", ArtifactError)
        return shop.history(user)

    vectors = UserVectors(shop.store, shop.model, "m", history, starts=False)
    vectors.ask(["ann", "ben", "cat"])
    while vectors.step():
        pass
    ann, ben, cat = vectors.look(["ann", "ben", "cat"])
    assert ann is not None
    assert ben is None
    assert cat is not None
    assert cat.vector.values.tolist() == [3.0, 1.0]


def test_a_spoilt_vector_is_a_miss_and_is_made_anew(shop: Shop) -> None:
    shop.happens(("ann", 3))
    assert shop.store.put({vector_key("ann", "m"): Write(b"spoilt")})
    vectors = shop.vectors()
    assert values(vectors, "ann") == [None]
    vectors.step()
    assert values(vectors, "ann") == [[3.0, 1.0]]


def test_a_state_made_anew_makes_vectors_stale(shop: Shop) -> None:
    vectors = shop.vectors()
    shop.happens(("ann", 3))
    vectors.ask(["ann"])
    vectors.step()
    shop.worker.replay()
    while shop.worker.step():
        pass
    (read,) = vectors.read(["ann"])
    assert read is not None
    assert read.fresh is False
    assert shop.store.get([user_key("ann")])[0] is not None


def test_too_many_are_dropped_and_counted(shop: Shop) -> None:
    vectors = shop.vectors(settings=VectorSettings(most_asked=2))
    vectors.ask(["a", "b", "c"])
    assert shop.metrics.dropped.collect()[0].samples[0].value == 1


def test_a_lost_store_is_told_to_readers_and_nobody_is_forgotten(shop: Shop, tmp_path: Path) -> None:
    shop.happens(("ann", 3))
    vectors = shop.vectors()
    vectors.ask(["ann"])
    good, broken = vectors.store, SqliteStateStore(tmp_path / "other.sqlite")
    broken.close()
    vectors.store = broken
    with pytest.raises(StorageError):
        vectors.read(["ann"])
    with pytest.raises(StorageError):
        vectors.step()
    vectors.store = good
    assert vectors.step() == 1


def test_the_thread_starts_with_the_first_who_asks_and_ends(shop: Shop) -> None:
    shop.happens(("ann", 3))
    vectors = UserVectors(shop.store, shop.model, "m", shop.history)
    assert values(vectors, "ann") == [None]
    for _ in range(200):
        if values(vectors, "ann") == [[3.0, 1.0]]:
            break
        time.sleep(0.02)
    else:
        raise AssertionError("nobody works")
    thread = vectors.refresher._thread
    assert thread is not None
    vectors.close()
    thread.join(10)
    vectors.ask(["ann"])
    assert vectors.refresher._thread in (None, thread), "a closed one stays closed"
    assert not thread.is_alive()
