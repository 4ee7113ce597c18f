"""Experiments in a store that servers share: on a file and on a real Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from penchant.core.errors import InputError, StorageError, UnknownIdError
from penchant.serve.experiments.definition import Experiment
from penchant.serve.experiments.registry import PREFIX, Registry
from penchant.serve.redis_store import RedisStateStore
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.serve.stores import StateStore, Write
from tests.serve.experiments.test_assignment import MODELS, experiment
from tests.servers import redis_server

Clock = Callable[[], float]


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    if request.param == "sqlite":
        with closing(SqliteStateStore(tmp_path / "state.sqlite")) as found:
            yield found
    else:
        with redis_server(tmp_path) as port, closing(RedisStateStore(f"redis://127.0.0.1:{port}/0")) as found:
            yield found


def names(registry: Registry) -> list[str]:
    return [one.name for one in registry.running()]


def test_what_one_server_starts_and_stops_the_others_follow(store: StateStore) -> None:
    mine, other = Registry(store), Registry(store)
    assert names(mine) == names(other) == []
    mine.start(experiment(), MODELS)
    assert names(mine) == ["one"]
    for _ in range(100):  # the other reads again behind a call
        if names(other) == ["one"]:
            break
        time.sleep(0.05)
    assert names(other) == ["one"]
    assert other.stop("one", "enough").why == "enough"
    assert mine.stop("one", "again").why == "enough", "what has ended is left as it is"
    assert names(other) == []
    assert [(one.experiment.name, one.why) for one in mine.all()] == [("one", "enough")]
    assert names(Registry(store)) == []


def test_a_name_is_used_once(store: StateStore) -> None:
    registry = Registry(store)
    registry.start(experiment(), MODELS)
    registry.stop("one", "")
    with pytest.raises(InputError, match="there is or was an experiment of that name"):
        registry.start(experiment(), MODELS)


def test_of_many_who_start_the_same_one_does(store: StateStore) -> None:
    registries, done, refused = [Registry(store) for _ in range(4)], [], []

    def start(registry: Registry) -> None:
        try:
            done.append(registry.start(experiment(), MODELS))
        except InputError:
            refused.append(1)

    threads = [threading.Thread(target=start, args=(one,)) for one in registries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 3)


class Ticking:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[SqliteStateStore]:
    with closing(SqliteStateStore(tmp_path / "state.sqlite")) as found:
        yield found


def test_start_and_end_are_kept_to(file_store: SqliteStateStore) -> None:
    clock = Ticking(1_000.0)
    registry = Registry(file_store, clock=clock)
    registry.start(experiment(start=1_100.0, end=1_200.0), MODELS)
    for now, found in ((1_099.0, []), (1_100.0, ["one"]), (1_199.0, ["one"]), (1_200.0, [])):
        clock.now = now
        assert names(registry) == found
    with pytest.raises(InputError, match="it has passed"):
        registry.start(experiment(name="late", end=1_150.0), MODELS)


def test_only_one_decides_the_same_thing_for_a_user(file_store: SqliteStateStore) -> None:
    registry = Registry(file_store)

    def by_model(name: str, **more: object) -> Experiment:
        arms = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "model": "ease"}]
        return experiment(name=name, arms=arms, **more)

    registry.start(by_model("first", layer="l", audience=0.5), MODELS)
    registry.start(experiment(name="weights"), MODELS)
    registry.start(by_model("second", layer="l", audience=0.5, layer_from=0.5), MODELS)
    with pytest.raises(InputError, match=r"'(first|second)' has .* of it"):
        registry.start(by_model("third", layer="l", audience=0.2, layer_from=0.4), MODELS)
    with pytest.raises(InputError, match="model: the running experiment"):
        registry.start(by_model("fourth"), MODELS)
    registry.stop("first", "")
    registry.stop("second", "")
    registry.start(by_model("fifth"), MODELS)
    assert names(registry) == ["fifth", "weights"]


def test_models_that_are_not_there_and_names_nobody_knows(file_store: SqliteStateStore) -> None:
    registry = Registry(file_store)
    with pytest.raises(InputError, match=r"models \['ease'\]: the generators are \['tandem'\]"):
        registry.start(experiment(), {"tandem"})
    for refused in (lambda: registry.get("none"), lambda: registry.stop("none", "")):
        with pytest.raises(UnknownIdError, match="there is none of that name"):
            refused()


def test_a_store_that_is_gone_leaves_things_as_they_are(tmp_path: Path) -> None:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    registry = Registry(store)
    registry.start(experiment(), MODELS)
    store.close()
    registry._until = 0.0
    assert names(registry) == ["one"]
    time.sleep(0.05)
    assert names(registry) == ["one"]
    with pytest.raises(StorageError):
        registry.all()
    assert names(Registry(store)) == [], "a server can begin without its store"


def test_a_record_that_is_spoilt_is_left_out(file_store: SqliteStateStore) -> None:
    registry = Registry(file_store)
    registry.start(experiment(), MODELS)
    file_store.put({PREFIX + "spoilt": Write(b"{"), PREFIX + "older": Write(b'{"experiment": {}, "started": 1}')})
    assert [one.experiment.name for one in registry.all()] == ["one"]
