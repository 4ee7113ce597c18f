"""Lists from stored vectors are those of the dense head."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from penchant.core.errors import InputError, StorageError
from penchant.data.histories import Histories
from penchant.models.dense_head import DenseHead
from penchant.pipeline.recommender import Rung
from penchant.pipeline.release import STORED, Release
from penchant.pipeline.steering import Ignored, Steering
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.state import LiveState
from penchant.serve.user_vectors import UserVectors
from tests.serve.shop import Shop


class Visited(Shop):
    def happens(self, user: str, *items: str) -> None:
        self.follow((user, item) for item in items)

    def rows(self, *users: str) -> Histories:
        people = [self.state.person(user).history for user in users]
        return Histories.of(
            [one.items for one in people],
            actions=[one.actions for one in people],
            times=[one.times for one in people],
            users=[int(one.users[0]) for one in people],
        )


@pytest.fixture
def shop(tiny_release: Release, tmp_path: Path) -> Iterator[Visited]:
    with Visited.opened(tiny_release, tmp_path) as made:
        yield made


def test_a_fresh_vector_gives_the_dense_heads_own_list(shop: Visited) -> None:
    shop.happens("u2", "i9", "i30")
    shop.happens("visitor", "i7")
    users = ["u1", "u2", "visitor"]
    rows = shop.rows(*users)
    shop.by_vector.recommend(rows, 5)
    assert shop.by_vector.vectors.step() == 3
    tandem, k = shop.release.tandem, 12
    for exclude in (None, rows):
        found = shop.by_vector.recommend(rows, k, exclude=exclude)
        head = DenseHead(tandem)
        halved = head.users(rows).astype(np.float16).astype(np.float32)
        scores = halved @ head.items.T
        if exclude is not None:
            for row in range(len(rows)):
                scores[row, exclude.row(row) - 1] = -np.inf
        assert found.items.tolist() == (np.argsort(-scores, axis=1)[:, :k] + 1).tolist(), "all that is lost is in the rounding"
        own = tandem.recommend(rows, k, exclude=exclude)
        bound = np.linalg.norm(head.items, axis=1).max() * 2**-11
        np.testing.assert_allclose(found.scores, own.scores, atol=2 * bound)
        same = [len(set(mine) & set(theirs)) for mine, theirs in zip(found.items.tolist(), own.items.tolist(), strict=True)]
        assert min(same) >= k - 1, "at most a tie at the end"


def test_without_rounding_the_lists_are_the_same(shop: Visited, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = shop.rows("u1", "u3", "u4")
    head = shop.by_vector.head
    monkeypatch.setattr(shop.by_vector, "_queries", lambda histories: (head.users(histories), np.arange(len(histories))))
    for exclude in (None, rows):
        found, own = shop.by_vector.recommend(rows, 20, exclude=exclude), shop.release.tandem.recommend(rows, 20, exclude=exclude)
        assert found.items.tolist() == own.items.tolist()
        np.testing.assert_allclose(found.scores, own.scores, atol=1e-5)


def test_nobody_in_particular_and_strangers_are_named_nothing(shop: Visited) -> None:
    shop.happens("visitor", "i7")
    rows = Histories.of([[1, 2], [], [7]], users=[0, 1, int(shop.state.person("visitor").history.users[0])])
    found = shop.by_vector.recommend(rows, 4)
    assert not found.items.any()
    assert np.isneginf(found.scores).all()
    assert shop.by_vector.vectors.step() == 1
    found = shop.by_vector.recommend(rows, 4)
    assert [bool(row.any()) for row in found.items] == [False, False, True]


def test_a_history_with_events_ignored_is_nobodys(shop: Visited) -> None:
    """What is stored was made of the ignored events, too, so it must not come back by that way."""
    rows = shop.rows("u1")
    shop.by_vector.recommend(rows, 4)
    shop.by_vector.vectors.step()
    newest = int(rows.times.max())
    edited = Steering(ignore=(Ignored(since=newest),)).edited(rows)
    assert 0 < edited.num_events < rows.num_events
    assert not shop.by_vector.recommend(edited, 4).items.any()
    assert shop.by_vector.recommend(Steering(ignore=(Ignored(since=newest + 1),)).edited(rows), 4).items.all()


def test_what_the_release_knows_stands_in_for_a_missing_vector(shop: Visited) -> None:
    rows = shop.rows("u1")
    items = shop.by_vector.head.items
    expected = items @ items[rows.row(0) - 1].mean(axis=0)
    found = shop.by_vector.recommend(rows, 10)
    assert found.items[0].tolist() == (np.argsort(-expected)[:10] + 1).tolist()


def test_a_stale_vector_is_put_together_with_what_the_release_knows(shop: Visited) -> None:
    shop.by_vector.recommend(shop.rows("u1"), 5)
    shop.by_vector.vectors.step()
    shop.happens("u1", "i50")
    code = int(shop.state.person("u1").history.users[0])
    (read,) = shop.by_vector.vectors.read(["u1"])
    assert read is not None
    assert not read.fresh
    both, old, long = (shop.by_vector.vector(code, one) for one in (read, None, None))
    assert both is not None
    assert old is not None
    assert long is not None
    stale, offline = read.vector.values / np.linalg.norm(read.vector.values), old / np.linalg.norm(old)
    assert both == pytest.approx(0.8 * stale + 0.2 * offline, abs=1e-3), "as many events, and as new, but a mean"
    assert shop.by_vector.weights(code, read) == pytest.approx((0.2, 0.8))
    assert shop.by_vector.vector(0, None) is None


def test_bad_requests_and_a_lost_store_are_told(shop: Visited) -> None:
    with pytest.raises(InputError, match="k=999"):
        shop.by_vector.recommend(Histories.of([[1]]), 999)
    shop.store.close()
    with pytest.raises(StorageError):
        shop.by_vector.recommend(shop.rows("u1"), 1)


def test_the_rung_stands_between_the_dense_head_and_what_goes_together(tiny_release: Release) -> None:
    names = [rung.name for rung in tiny_release.rungs([STORED, "trending"])]
    assert names == ["generative", "dense", "stored", "co-view", "popularity"]
    assert [rung.name for rung in tiny_release.rungs()] == ["generative", "dense", "co-view", "popularity"]
    first, _, stored, *_ = tiny_release.rungs([STORED, "trending"])
    assert STORED not in first.generators
    assert stored == Rung("stored", {STORED: 2.0, "item-knn": 1.0, "trending": 0.3})


def test_who_gets_a_list_has_a_vector_a_moment_later(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    try:
        with TestClient(create_app(tiny_release, log=log, store=store)) as client:
            event = {"event_id": "1", "user_id": "visitor", "item_id": "i3", "event": "view"}
            assert client.post("/v1/events", json={"events": [event]}).status_code == 202
            asked = {"user_id": "visitor", "k": 5}
            client.post("/v1/recommend", json=asked)
            for _ in range(200):
                stored = client.post("/v1/recommend", json={**asked, "model": STORED}).json()["items"]
                if stored:
                    break
                time.sleep(0.02)
            dense = client.post("/v1/recommend", json={**asked, "model": "tandem-dense"}).json()["items"]
            assert [one["item_id"] for one in stored] == [one["item_id"] for one in dense]
            for _ in range(200):  # counted after it was stored; made twice where the event arrived while the first was made
                told = client.get("/metrics").text
                if re.search(r'penchant_user_vector_refreshes_total\{outcome="made"\} [12]\.0', told):
                    break
                time.sleep(0.02)
            else:
                pytest.fail(f"no refresh was counted: {told}")
            assert "penchant_user_vectors_waiting" in told
    finally:
        store.close()


def test_a_server_that_does_not_follow_leaves_the_work_to_others(tiny_release: Release, log: SqliteEventLog, tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    state = LiveState(tiny_release.space.catalog, tiny_release.users, tiny_release.histories, log)
    worker = UserVectors(store, DenseHead(tiny_release.tandem), tiny_release.id, state.history, starts=False)
    try:
        with TestClient(create_app(tiny_release, log=log, store=store, follow=False)) as client:
            client.post("/v1/recommend", json={"user_id": "u1"})
            for _ in range(200):
                if worker.queue.waiting():
                    break
                time.sleep(0.02)
            assert worker.queue.waiting() == 1
            time.sleep(0.5)
            assert worker.read(["u1"]) == [None]
            assert worker.step() == 1
            assert worker.read(["u1"])[0] is not None
    finally:
        store.close()
