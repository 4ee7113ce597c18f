"""Tiers and live vectors in a server: promoted by what is done, moved by who does it, and told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.data.histories import Histories
from penchant.items.live_tiers import LiveTiers, TierSettings
from penchant.items.live_vectors import LiveVectorSettings, chances, to_bytes
from penchant.pipeline.release import Release
from penchant.serve.app import create_app
from penchant.serve.events import LiveEvent
from penchant.serve.head_vectors import HeadVectors
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write
from penchant.serve.tiers import KEY, Tiers
from penchant.users.decay import DAY
from tests.serve.shop import Shop

MARKS = TierSettings(high=3.0, low=2.0, stay_seconds=60.0)


class Timed(Shop):
    """Everything that decides, on one clock."""

    def __init__(self, release: Release, folder: Path) -> None:
        self.now = 1_700_000_000.0
        super().__init__(release, folder, clock=lambda: self.now, tiers=MARKS)
        self.released = self.by_vector.head.items
        self.heads = self.by_vector.heads = HeadVectors(
            self.store, self.by_vector.vectors, self.items, self.released, self.tiers, clock=self.clock
        )

    def happens(self, item: str, *users: str, event: str = "view") -> None:
        self.follow(((user, item) for user in users), event)


@pytest.fixture
def shop(tiny_release: Release, tmp_path: Path) -> Iterator[Timed]:
    with Timed.opened(tiny_release, tmp_path) as made:
        yield made


def test_an_item_becomes_head_and_fades(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3")
    assert not shop.tiers.step(), "three are not above three"
    shop.happens("i1", "u4")
    assert not shop.tiers.step(), "decided a moment ago"
    shop.now += 5
    assert shop.tiers.step()
    other = Tiers(shop.store, MARKS, clock=lambda: shop.now)
    assert dict(other.current().heads) == {"i1": shop.now}
    shop.now += DAY / 4 - 100
    assert not shop.tiers.step(), "a little more than two are left"
    shop.now += DAY / 4
    assert shop.tiers.step()
    assert shop.tiers.current().flips == 2
    assert dict(shop.tiers.current().heads) == {}


def test_of_two_who_decide_one_counts(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3", "u4")
    replicas = [Tiers(shop.store, MARKS, clock=lambda: shop.now) for _ in range(3)]
    assert [one.step() for one in replicas] == [True, False, False]
    assert replicas[2].current().flips == 1


def test_replaying_the_log_gives_the_same_counts_and_tiers(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3", "u4")
    shop.happens("i2", "u1")
    shop.tiers.step()
    before = shop.tiers.current()
    shop.worker.replay()
    (found,) = shop.store.get([KEY])
    assert found is not None
    assert shop.store.put({KEY: Write(None, found.version)})
    while shop.worker.step():
        pass
    anew = Tiers(shop.store, MARKS, clock=lambda: shop.now)
    assert anew.step()
    assert anew.current() == before


def test_spoilt_tiers_are_begun_anew(shop: Timed) -> None:
    assert shop.store.put({KEY: Write(b"spoilt")})
    shop.happens("i1", "u1", "u2", "u3", "u4")
    assert shop.tiers.current() == LiveTiers()
    assert shop.tiers.step()
    assert list(shop.tiers.current().heads) == ["i1"]


def users_vectors(shop: Timed, *users: str) -> np.ndarray:
    shop.by_vector.vectors.ask(users)
    shop.by_vector.vectors.step()
    return np.array([read.vector.values for read in shop.by_vector.vectors.look(users) if read])


def test_a_head_item_moves_towards_who_does_something_with_it(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3", "u4")
    shop.tiers.step()
    people, own = users_vectors(shop, "u1", "u2"), shop.released[0]
    expected = chances(people, own[None], shop.released[1:])[:, 0]
    assert shop.heads.drift(1) is None
    done = [("i1", "u1"), ("i2", "u2"), ("no such item", "u1"), ("i1", "stranger")]
    shop.heads.saw(done)
    shop.now += 1
    assert shop.heads.current().codes.tolist() == [], "these vectors have seen it all"
    shop.happens("i3", "u1", "u2")
    shop.heads.saw(done)
    shop.now += 1
    live = shop.heads.current()
    assert live.codes.tolist() == [1], "i2 is in the tail"
    units = people / np.linalg.norm(people, axis=1, keepdims=True)
    step = LiveVectorSettings().rate * np.linalg.norm(own) * ((1 - expected[0]) * units[0] - expected[1] * units[1])
    assert live.vectors[0] == pytest.approx(own + step, abs=0.01)
    for _ in range(200):
        shop.now += 1
        shop.heads.saw([("i1", "u1"), ("i1", "u2")])
    shop.now += 1
    drift = shop.heads.drift(1)
    assert drift is not None
    assert drift <= 0.3 + 1e-5, "never out of the ball, after rounding either"
    assert drift > np.linalg.norm(step) / np.linalg.norm(own)


def test_lists_go_by_the_live_vectors_exactly(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3", "u4")
    shop.happens("i2", "u1", "u2", "u3", "u4")
    shop.tiers.step()
    random = np.random.default_rng(0)
    stored = {name: (shop.released[shop.items.code(name) - 1] + 3 * random.normal(size=16)).astype(np.float32) for name in ("i1", "i2")}
    assert shop.store.put({f"heads:{shop.by_vector.vectors.model}": Write(to_bytes(stored))})
    live = shop.heads.current()
    assert sorted(live.codes.tolist()) == [1, 2]
    table = shop.released.copy()
    table[live.codes - 1] = live.vectors
    assert np.abs(table - shop.released).max() > 0.1
    people = [shop.state.person(user).history for user in ("u1", "u7", "u9")]
    rows = Histories.of([one.items for one in people], users=[int(one.users[0]) for one in people])
    queries = users_vectors(shop, "u1", "u7", "u9")
    for exclude, k in ((None, 10), (rows, 10), (None, 60), (Histories.of([range(1, 58)] * 3), 3)):
        scores = queries @ table.T
        if exclude is not None:
            for row in range(3):
                scores[row, exclude.row(row) - 1] = -np.inf
        found = shop.by_vector.recommend(rows, k, exclude=exclude)
        assert found.items.tolist() == (np.argsort(-scores, axis=1)[:, :k] + 1).tolist()
        assert found.scores == pytest.approx(-np.sort(-scores, axis=1)[:, :k], abs=1e-4)


def test_who_leaves_the_head_has_the_released_vector_again(shop: Timed) -> None:
    shop.happens("i1", "u1", "u2", "u3", "u4")
    shop.tiers.step()
    users_vectors(shop, "u1")
    shop.happens("i3", "u1")
    shop.heads.saw([("i1", "u1")])
    assert shop.heads.store.get([shop.heads._key]) != [None]
    shop.now += DAY
    shop.tiers.step()
    shop.heads.step()
    assert shop.heads.current().codes.tolist() == []
    assert shop.heads.drift(1) is None


def test_spoilt_live_vectors_are_begun_anew(shop: Timed) -> None:
    assert shop.store.put({f"heads:{shop.by_vector.vectors.model}": Write(b"spoilt")})
    assert shop.heads.current().codes.tolist() == []


def test_what_is_done_against_an_item_moves_nothing(shop: Timed) -> None:
    shop.happens("i1", "u1")
    shop.happens("i1", "u2", event="hide")
    shop.happens("i1", "u3", event="undo")
    assert shop.pairs == [("i1", "u1")]


def test_a_server_tells_the_tier_of_an_item(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    try:
        with TestClient(create_app(tiny_release, log=log, store=store)) as client:
            assert client.get("/v1/items/i1").json()["live"] == {"tier": "tail", "since": None, "count": 0.0, "drift": None}
            events = [{"event_id": str(n), "user_id": f"u{n}", "item_id": "i1", "event": "view"} for n in range(1, 26)]
            assert client.post("/v1/events", json={"events": events}).status_code == 202
            for _ in range(150):
                live = client.get("/v1/items/i1").json()["live"]
                if live["tier"] == "head":
                    break
                time.sleep(0.1)
            assert live["count"] == pytest.approx(25, abs=0.1)
            assert abs(time.time() - live["since"]) < 60
            assert client.get("/v1/users/u1/portrait").json()["recent"][0]["live_tier"] == "head"
            assert client.get("/v1/items/i2").json()["live"]["tier"] == "tail"
            told = client.get("/metrics").text
            assert "penchant_head_items 1.0" in told
            assert "penchant_tier_flips 1.0" in told
    finally:
        store.close()


def test_a_listener_that_fails_stops_nobody(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")

    def fails(pairs: object) -> None:
        raise RuntimeError("on purpose")

    try:
        app = create_app(tiny_release, log=log, store=store)
        near_line = app.state.current.service.near_line
        near_line.listeners.insert(0, fails)
        log.append([LiveEvent("e", "u1", "i1", "view", int(time.time()))])
        assert near_line.worker.step() == 1
        assert near_line.count("i1") == pytest.approx(1.0, abs=0.01)
        app.state.current.service.close()
        assert near_line.listeners == [fails], "a closed service is told nothing any more"
    finally:
        store.close()
