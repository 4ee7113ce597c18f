"""What is learnt from events while a server runs: from vectors of before them, by whoever follows the log, for all who serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.data.histories import Histories
from penchant.models.user_adapter import AdapterSettings, UserAdapter
from penchant.pipeline.release import STORED, Release
from penchant.serve import live_adapter
from penchant.serve.app import create_app
from penchant.serve.live_adapter import LiveAdapter
from penchant.serve.service import ServeSettings
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import Write
from tests.serve.shop import Shop

USERS = [f"u{number}" for number in range(1, 21)]
FAST = AdapterSettings(rate=0.05)


class Learning(Shop):
    def __init__(self, release: Release, folder: Path) -> None:
        self.now = 1_700_000_000.0
        super().__init__(release, folder, adapts=True)
        self.adapter = self.by_vector.adapter = self.replica()

    def replica(self) -> LiveAdapter:
        released = self.by_vector.head.items
        return LiveAdapter(self.store, self.by_vector.vectors, self.items, released, settings=FAST, clock=lambda: self.now)

    def refresh(self) -> None:
        """Make everybody's vector."""
        self.by_vector.vectors.ask(USERS)
        while self.by_vector.vectors.step():
            pass

    def happens(self, item: str, *users: str) -> None:
        self.pairs.clear()
        self.follow((user, item) for user in users)

    def place(self, item: int) -> float:
        """Mean place of an item in everybody's list by stored vectors."""
        rows = Histories.of([[1]] * len(USERS), users=[int(self.state.person(user).history.users[0]) for user in USERS])
        lists = self.by_vector.recommend(rows, self.by_vector.num_items).items
        return float(np.argmax(lists == item, axis=1).mean())


@pytest.fixture
def shop(tiny_release: Release, tmp_path: Path) -> Iterator[Learning]:
    with Learning.opened(tiny_release, tmp_path) as made:
        yield made


def test_lists_follow_what_everybody_turns_to(shop: Learning) -> None:
    shop.refresh()
    item = max(range(1, shop.by_vector.num_items + 1), key=shop.place)  # which nobody would have turned to
    before = shop.place(item)
    for _ in range(15):
        shop.happens(f"i{item}", *USERS)
        shop.now += 1
        shop.adapter.saw(shop.pairs)
        shop.refresh()
    shop.now += 1
    assert shop.adapter.gain == 0.0, "nobody has read it"
    current = shop.adapter.current()
    assert current is not None
    assert current.events == 300
    assert shop.adapter.gain > 0
    vectors = shop.by_vector.vectors.look(USERS)
    plain = np.stack([one.vector.values for one in vectors if one is not None])
    changed = shop.adapter.adapted(plain)
    assert ((changed - plain) @ shop.by_vector.head.items[item - 1]).min() > 0
    assert shop.place(item) < before


def test_who_has_no_vector_of_before_teaches_nothing(shop: Learning) -> None:
    shop.happens("i7", "u1")
    shop.adapter.saw(shop.pairs)
    shop.refresh()
    shop.adapter.saw([("i7", "u1"), ("nothing known", "u1")])
    shop.adapter.saw([])
    assert shop.adapter.step() == 0
    assert shop.adapter.current() is None
    vectors = np.ones((2, 3), np.float32)
    assert shop.adapter.adapted(vectors) is vectors


def test_no_more_wait_than_are_learnt_from_in_a_step(shop: Learning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_adapter, "_MOST", 25)
    shop.adapter = shop.replica()
    shop.refresh()
    shop.happens("i7", *USERS)
    shop.adapter.saw(shop.pairs)  # the first step: with what is there
    for _ in range(3):
        shop.adapter.saw(shop.pairs)
    assert shop.adapter.step() == 25


def test_two_who_learn_go_on_from_each_other(shop: Learning) -> None:
    first, second = shop.adapter, shop.replica()
    for turn, one in enumerate((first, second, second, first), start=1):
        shop.refresh()
        shop.happens("i7", *USERS)
        shop.now += 1
        one.saw(shop.pairs)
        (found,) = shop.store.get([first._key])
        assert found is not None
        assert UserAdapter.from_bytes(found.value, shop.by_vector.head.items, FAST).events == 20 * turn


def test_what_is_spoilt_in_the_store_is_begun_anew(shop: Learning) -> None:
    assert shop.store.put({shop.adapter._key: Write(b"spoilt")})
    assert shop.adapter.current() is None
    shop.refresh()
    shop.happens("i7", *USERS)
    shop.adapter.saw(shop.pairs)
    shop.now += 2
    current = shop.adapter.current()
    assert current is not None
    assert current.events == 20


def test_a_server_adapts_where_it_is_told_to(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    for adapt in (False, True):
        store = SqliteStateStore(tmp_path / f"state-{adapt}.sqlite")
        app = create_app(tiny_release, log=log, store=store, settings=ServeSettings(adapt=adapt))
        with TestClient(app) as client:
            service = app.state.current.service
            assert (service.by_vector.adapter is not None) is adapt
            body = {"user_id": "u1", "k": 5, "model": STORED}
            assert client.post("/v1/recommend", json=body).status_code == 200
            assert "penchant_adapter_gain 0.0" in client.get("/metrics").text
        store.close()
