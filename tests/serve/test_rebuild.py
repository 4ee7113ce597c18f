"""The offline layer: the same events make the same bytes, a killed run goes on, and nothing counts twice after a swap."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.core.progress import quiet
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset
from penchant.data.sources import Loaded, from_frames
from penchant.items.tfidf import TfidfSvd
from penchant.pipeline.job import JobSettings, for_dataset
from penchant.pipeline.release import load_release
from penchant.pipeline.shelf import Shelf
from penchant.serve.events import LiveEvent
from penchant.serve.rebuild import PLAN, Built, rebuild
from penchant.serve.service import Backend, Service
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stored_events import StoredEvents
from penchant.serve.worker import Worker
from penchant.train.loop import Trainer
from penchant.users.decay import DAY
from tests.serve.conftest import tiny_dataset

NEWEST = 1_600_000_000 + 21 * DAY


@pytest.fixture(scope="module")
def base() -> Loaded:
    dataset = tiny_dataset()
    events = dataset.events.select("user_id", "item_id", "timestamp", "event")
    return from_frames(events, dataset.catalog.table, name="tiny")


def encoder(catalog: Catalog) -> TfidfSvd:
    return TfidfSvd(16).fit(catalog.texts())


def quick(dataset: Dataset) -> JobSettings:
    settings = for_dataset(dataset)
    short = {name: getattr(settings, name).but(epochs=1) for name in ("tandem_training", "sasrec_training", "head_training")}
    return settings.but(**short, ease_l2=(50.0,), ks=(10,))


def built(base: Loaded, log: SqliteEventLog | None, folder: Path, **more: object) -> Built:
    with quiet():
        return rebuild(base, log, Shelf(folder / "shelf"), folder / "work", encoder=encoder, settings=quick, **more)  # type: ignore[arg-type]


@pytest.fixture
def visited(log: SqliteEventLog) -> SqliteEventLog:
    return visit(log)


def visit(log: SqliteEventLog) -> SqliteEventLog:
    """Visits of known users and one newcomer, after all that the data tell."""
    events = [LiveEvent(f"e{number}", f"u{number % 40 + 1}", f"i{7 * number % 60 + 1}", "play", NEWEST + number) for number in range(60)]
    new = [LiveEvent(f"n{number}", "newcomer", f"i{number + 1}", "play", NEWEST + 100 + number) for number in range(4)]
    opinions = [("like", "i1"), ("hide", "i2"), ("like", "i3"), ("undo", "i3"), ("like", "unknown")]
    told = [LiveEvent(f"o{place}", "newcomer", item, action, NEWEST + 200 + place) for place, (action, item) in enumerate(opinions)]
    log.append([*events, *new, *told])
    return log


@pytest.fixture(scope="module")
def made(base: Loaded, tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Path]:
    """A release of all that ``visited`` holds, and the folder it was made in."""
    folder = tmp_path_factory.mktemp("made")
    log = SqliteEventLog(folder / "events.sqlite")
    found = built(base, visit(log), folder)
    log.close()
    return found, folder


def bytes_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_the_same_events_make_the_same_release_byte_for_byte_and_once(
    base: Loaded, visited: SqliteEventLog, made: tuple[Built, Path], tmp_path: Path
) -> None:
    first, folder = made
    assert first.new
    second = built(base, visited, tmp_path)
    assert second == first
    assert bytes_of(tmp_path / "shelf" / "releases" / first.name) == bytes_of(folder / "shelf" / "releases" / first.name)
    again = built(base, visited, tmp_path)
    assert (again.name, again.new) == (first.name, False)
    assert not (tmp_path / "work").exists()


def test_a_release_holds_the_days_that_were_asked_for_and_what_stands(
    base: Loaded, visited: SqliteEventLog, made: tuple[Built, Path], tmp_path: Path
) -> None:
    release = load_release(made[1] / "shelf" / "releases" / made[0].name)
    assert (made[0].window.since, made[0].window.until) == (NEWEST + 205 - 180 * DAY, NEWEST + 205)
    assert release.positions == visited.end()
    short = built(base, visited, tmp_path, days=10)
    times = load_release(tmp_path / "shelf" / "releases" / short.name).histories.times
    assert short.window.since <= int(times.min()) < int(times.max()) < short.window.until == short.window.since + 10 * DAY
    assert short.events < made[0].events
    row = release.users.code("newcomer", "user_id") - 1
    mine = release.histories.take(np.array([row]))
    ids = release.space.catalog.items.decode(mine.items)
    assert list(ids) == ["i1", "i3", "i4", "i1"], "the hidden item and what was taken back are out, the like is in"


def test_nothing_counts_twice_when_the_release_is_served(visited: SqliteEventLog, made: tuple[Built, Path], tmp_path: Path) -> None:
    release = load_release(made[1] / "shelf" / "releases" / made[0].name)
    store = SqliteStateStore(tmp_path / "state.sqlite")
    worker = Worker(visited, store, lambda _: ())
    while worker.step():
        pass
    service = Service.of(release, Backend.of(visited, store))
    for events in (visited, StoredEvents(store)):  # one machine, and several
        service.state.events = events
        service.state._kept.clear()
        person = service.state.person("newcomer")
        ids = release.space.catalog.items.decode(person.past.items)
        assert list(ids) == ["i1", "i3", "i4", "i1"]
        assert release.space.catalog.items.decode(np.array(person.hidden)) == ["i2"], "an aversion stays in the log alone"
        assert release.space.catalog.items.decode(np.array(person.liked)) == ["i1"]
    visited.append([LiveEvent("u", "newcomer", "i2", "undo", NEWEST + 300), LiveEvent("v", "newcomer", "i8", "play", NEWEST + 301)])
    service.state.events = visited
    person = service.state.person("newcomer")
    assert list(release.space.catalog.items.decode(person.past.items)) == ["i1", "i3", "i4", "i1", "i8"]
    assert person.hidden == ()
    service.close()
    store.close()


def test_a_killed_run_goes_on_with_what_it_had_settled(
    base: Loaded, visited: SqliteEventLog, made: tuple[Built, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "fit", killed)
        with pytest.raises(KeyboardInterrupt):
            built(base, visited, tmp_path / "killed")
    assert (tmp_path / "killed" / "work" / PLAN).exists()
    assert not (tmp_path / "killed" / "shelf").exists()
    visited.append([LiveEvent("meanwhile", "u1", "i9", "play", NEWEST + 500)])
    with pytest.raises(InputError, match="unfinished run of other wishes"):
        built(base, visited, tmp_path / "killed", days=20)
    assert built(base, visited, tmp_path / "killed").name == made[0].name, "what came meanwhile is for the next run"


def test_an_event_of_a_far_future_is_no_end_of_the_window(base: Loaded, visited: SqliteEventLog, tmp_path: Path) -> None:
    visited.append([LiveEvent("year 3000", "u1", "i1", "play", 32_503_680_000)])
    found = built(base, visited, tmp_path, clock=lambda: NEWEST + DAY)
    assert found.window.until == NEWEST + 205
    assert found.window.positions == visited.end(), "it was read, and does not count"


def test_a_window_without_events_is_refused(base: Loaded, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no event lies in the window"):
        built(base, None, tmp_path / "other", until=1_000)
