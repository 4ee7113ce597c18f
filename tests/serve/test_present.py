"""Generators of the present, over what a worker counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError, StorageError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.serve.events import LiveEvent
from penchant.serve.present import Together, Trending
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stored_events import StoredEvents
from penchant.serve.worker import Worker

NOW = 1_000_000
CATALOG = Catalog(pl.DataFrame({"item_id": ["a", "b", "c", "d", "e"], "title": list("abcde")}))


class Shop:
    """A log, a worker and a store."""

    def __init__(self, folder: Path) -> None:
        self.log, self.store = SqliteEventLog(folder / "events.sqlite"), SqliteStateStore(folder / "state.sqlite")
        self.worker = Worker(self.log, self.store, lambda item: [], clock=lambda: NOW)
        self.logged = 0

    def happens(self, *events: tuple[str, str, int]) -> None:
        """(user, item, UTC seconds) each."""
        self.log.append([LiveEvent(f"e{self.logged + n}", user, item, "view", time) for n, (user, item, time) in enumerate(events)])
        self.logged += len(events)
        while self.worker.step():
            pass


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.log.close()
    made.store.close()


def named(found: object, row: int = 0) -> list[str]:
    items = found.items[row]  # type: ignore[attr-defined]
    return CATALOG.items.decode(items[items > 0])


def test_trends_count_what_is_newest_most(shop: Shop) -> None:
    trending = Trending(shop.store, CATALOG, clock=lambda: NOW)
    nobody = Histories.of([[]])
    assert named(trending.recommend(nobody, 3)) == []
    shop.happens(("u", "a", NOW - 86_400), ("v", "a", NOW - 86_400), ("w", "b", NOW), ("w", "gone", NOW))
    later = Trending(shop.store, CATALOG, clock=lambda: NOW)
    found = later.recommend(nobody, 3)
    assert named(found) == ["b", "a"], "one of now is worth more than two of yesterday, and nobody knows the third"
    assert found.scores[0, 0] == pytest.approx(1.0)
    assert found.scores[0, 2] == -np.inf
    assert named(later.recommend(nobody, 3, exclude=Histories.of([[2]]))) == ["a"]


def test_what_was_done_years_ago_is_no_trend_and_goes_with_nothing(shop: Shop) -> None:
    shop.happens(("u", "a", NOW), ("u", "b", NOW))
    later = NOW + 200 * 365 * 86_400
    assert named(Trending(shop.store, CATALOG, clock=lambda: later).recommend(Histories.of([[]]), 3)) == []
    assert named(Together(shop.store, CATALOG, clock=lambda: later).recommend(Histories.of([[1]]), 3)) == []


def test_a_list_of_trends_is_used_for_a_moment(shop: Shop) -> None:
    now = [float(NOW)]
    trending = Trending(shop.store, CATALOG, clock=lambda: now[0])
    shop.happens(("u", "a", NOW))
    assert named(trending.recommend(Histories.of([[]]), 5)) == ["a"]
    shop.happens(("u", "c", NOW))
    assert named(trending.recommend(Histories.of([[]]), 5)) == ["a"]
    now[0] += 1.0
    assert named(trending.recommend(Histories.of([[]]), 5)) == ["a", "c"]


def test_what_others_did_within_minutes_goes_with_it(shop: Shop) -> None:
    together = Together(shop.store, CATALOG, clock=lambda: NOW)
    shop.happens(("u", "a", NOW - 60), ("u", "b", NOW - 50), ("v", "a", NOW - 40), ("v", "b", NOW - 30), ("w", "a", NOW), ("w", "c", NOW))
    found = together.recommend(Histories.of([[1], [4, 1], [5], []]), 3)
    assert [named(found, row) for row in range(4)] == [["b", "c"], ["b", "c"], [], []]
    assert found.scores[0, 0] == pytest.approx(2 / 3, rel=0.01)
    excluded = together.recommend(Histories.of([[1]]), 3, exclude=Histories.of([[1, 2]]))
    assert named(excluded) == ["c"]
    one_by_one = [named(together.recommend(Histories.of([items]), 3)) for items in ([1], [4, 1], [5], [])]
    assert one_by_one == [named(found, row) for row in range(4)]


def test_the_newest_item_says_most(shop: Shop) -> None:
    shop.happens(("u", "a", NOW), ("u", "b", NOW), ("v", "c", NOW), ("v", "d", NOW))
    together = Together(shop.store, CATALOG, clock=lambda: NOW)
    assert named(together.recommend(Histories.of([[1, 3]]), 4))[:1] == ["d"]
    assert named(together.recommend(Histories.of([[3, 1]]), 4))[:1] == ["b"]


def test_bad_requests_and_a_lost_store_are_told(shop: Shop) -> None:
    for generator in (Trending(shop.store, CATALOG), Together(shop.store, CATALOG)):
        with pytest.raises(InputError, match="k=9"):
            generator.recommend(Histories.of([[1]]), 9)
        with pytest.raises(InputError, match="exclude has 2 rows"):
            generator.recommend(Histories.of([[1]]), 1, exclude=Histories.of([[], []]))
    shop.store.close()
    for generator in (Trending(shop.store, CATALOG), Together(shop.store, CATALOG)):
        with pytest.raises(StorageError):
            generator.recommend(Histories.of([[1]]), 1)


def test_a_store_tells_what_a_user_did(shop: Shop) -> None:
    events = StoredEvents(shop.store)
    assert (events.last_of_user("u"), events.of_user("u"), events.users()) == (0, [], [])
    shop.happens(("u", "a", NOW - 2), ("u", "b", NOW - 1), ("v", "c", NOW))
    assert [(one.item_id, one.event, one.timestamp) for one in events.of_user("u")] == [("a", "view", NOW - 2), ("b", "view", NOW - 1)]
    assert [one.item_id for one in events.of_user("u", newest=1)] == ["b"]
    assert events.users() == ["u", "v"]
    before = events.last_of_user("u")
    shop.happens(("v", "c", NOW))
    assert events.last_of_user("u") == before
    shop.happens(("u", "c", NOW))
    assert events.last_of_user("u") > before
