"""A worker in a process of its own, while releases change."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from penchant.data.catalog import Catalog
from penchant.items.item_space import ItemSpace
from penchant.pipeline.release import Release, ReleaseSettings, load_release, write_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.backends import opened
from penchant.serve.events import LiveEvent
from penchant.serve.near_line import NearLine
from penchant.serve.refreshes import Refreshes
from penchant.serve.stores import StateStore, user_key
from penchant.serve.swap import Current, Following
from penchant.serve.user_vectors import vector_key
from penchant.serve.work import Refreshing
from penchant.users.state import UserState
from tests.serve.conftest import tiny_dataset
from tests.serve.test_on_servers import penchant

BASE = ("popularity", "ease", "item-knn", "content", "sasrec")


def recategorised(release: Release, folder: Path) -> Path:
    """The same models over a catalogue in which every item is of one other category."""
    space = release.space
    catalog = Catalog(space.catalog.table.with_columns(categories=pl.lit(["Elsewhere"])))
    parts = {"encoder_name": space.encoder_name, "encoder_fingerprint": space.encoder_fingerprint}
    moved = ItemSpace(catalog, space.vectors, space.codes, space.events, space.quantiser, **parts)
    settings = ReleaseSettings(dataset="tiny anew", candidates=10)
    models = {**{name: release.models[name] for name in BASE}, "tandem": release.tandem}
    assert release.encoder is not None
    write_release(folder, settings, dataset=tiny_dataset(), space=moved, models=models, encoder=release.encoder)
    return folder


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1_200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("the worker does not")


def state(store: StateStore, user: str) -> UserState:
    (found,) = store.get([user_key(user)])
    return UserState() if found is None else UserState.from_bytes(found.value)


def events(user: str) -> list[LiveEvent]:
    now = int(time.time())
    return [LiveEvent(f"{user}-{n}", user, f"i{n}", "view", now + n) for n in (1, 2, 3)]


def test_a_worker_changes_over_with_the_shelf_and_keeps_its_place(tiny_release: Release, tiny_release_folder: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.promote(shelf.add(tiny_release_folder))
    other = shelf.add(recategorised(tiny_release, tmp_path / "other"))
    second = load_release(shelf.get(other).path).id
    places = ["--release", str(shelf.folder), "--state", str(tmp_path)]
    with opened(tmp_path) as (log, store), penchant("worker", *places, until="follows 1 of 1 partitions") as (worker, _):
        log.append(events("ann"))
        until(lambda: state(store, "ann").total == 3)
        Refreshes(store, tiny_release.id).want(["ann"])
        until(lambda: store.get([vector_key("ann", tiny_release.id)]) != [None])
        assert set(state(store, "ann").interests.counts) & {"category:Space", "category:Kitchen"}
        shelf.promote(other)
        assert worker.stderr is not None
        assert f"Changed over to release {other}" in worker.stderr.readline()
        log.append(events("bob"))
        until(lambda: state(store, "bob").total == 3)
        Refreshes(store, second).want(["bob"])
        until(lambda: store.get([vector_key("bob", second)]) != [None])
        assert set(state(store, "bob").interests.counts) == {"category:Elsewhere"}
        assert state(store, "ann").total == 3
        assert store.positions() == log.end()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
        assert "after 6 events" in worker.stderr.read(), "none was read twice"


def test_a_release_that_cannot_be_loaded_leaves_the_worker_as_it_is(
    tiny_release: Release, tiny_release_folder: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.promote(shelf.add(tiny_release_folder))
    bad = shelf.add(recategorised(tiny_release, tmp_path / "other"))
    with opened(tmp_path) as (log, store):
        near_line = NearLine(log, store)
        current = Current(Refreshing(load_release(shelf.live_path()), near_line))
        first, told = current.service, list(near_line.listeners)
        following = Following(shelf, current, lambda release: Refreshing(release, near_line))
        shelf.promote(bad)
        weights = next((shelf.get(bad).path / "models").rglob("*.safetensors"))
        kept = weights.read_bytes()
        weights.unlink()
        following.look()
        assert following.refused is not None and following.refused[0] == bad
        assert (current.service, near_line.listeners) == (first, told)
        weights.write_bytes(kept)
        following.refused = None
        following.look()
        assert current.service.release.path.name == bad
        assert len(near_line.listeners) == 2 and not set(near_line.listeners) & set(told), "only the model of the moment is told"
        log.append(events("cat"))
        near_line.worker.step()
        assert set(state(store, "cat").interests.counts) == {"category:Elsewhere"}
        current.service.close()
        assert near_line.listeners == []
