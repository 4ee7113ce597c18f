"""A small release that was really trained, and servers over it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant.core.progress import quiet
from penchant.data.dataset import Dataset
from penchant.data.splits import leave_one_out
from penchant.evaluate.build import build_report
from penchant.evaluate.protocol import evaluate
from penchant.items.item_space import ItemSpace
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.items.tfidf import TfidfSvd
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.retrieval.content import ContentNeighbours
from penchant.models.retrieval.linear import ease, item_knn
from penchant.models.retrieval.popularity import Popularity
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.pipeline.ranker import LightRanker
from penchant.pipeline.release import Release, ReleaseSettings, load_release, write_release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents
from penchant.users.portrait import Portraits
from tests.servers import served

GENRES = {
    "Space": ["Star", "Moon", "Rocket", "Orbit"],
    "Kitchen": ["Bread", "Soup", "Spice", "Oven"],
    "Garden": ["Rose", "Fern", "Moss", "Willow"],
    "Harbour": ["Ship", "Anchor", "Tide", "Gull"],
}
FORMS = ["Story of the", "Return of the", "Night of the", "Song of the", "House of the", "Last"]
ITEMS, USERS = 60, 40


def tiny_dataset() -> Dataset:
    """60 items of four genres; each of 40 users mostly stays in one."""
    random = np.random.default_rng(7)
    items = []
    for number in range(ITEMS):
        genre = list(GENRES)[number % 4]
        word = GENRES[genre][(number // 4) % 4]
        other = list(GENRES)[(number // 4) % 4]
        items.append(
            {
                "item_id": f"i{number + 1}",
                "title": f"{FORMS[number % len(FORMS)]} {word} {number // 16 + 1}",
                "categories": [genre] if other == genre else [genre, other],
                "brand": ["Acme", "Borealis", None][number % 3],
                "year": 1980 + number % 30,
                "description": f"A {genre.lower()} tale about a {word.lower()}." if number % 5 else None,
            }
        )
    events = []
    for user in range(USERS):
        own = np.arange(user % 4, ITEMS, 4)
        chosen = np.concatenate([random.choice(own, 7, replace=False), random.choice(ITEMS, 3, replace=False)])
        for step, item in enumerate(dict.fromkeys(chosen.tolist())):
            action = "rating" if step % 3 else "play"
            time = 1_600_000_000 + 3_600 * (user + 50 * step)
            events.append({"user_id": f"u{user + 1}", "item_id": f"i{item + 1}", "timestamp": time, "event": action})
    return Dataset.build("tiny", pl.DataFrame(events), pl.DataFrame(items))


def make_release(folder: Path) -> Path:
    """Train every model for a moment and write all of it."""
    dataset = tiny_dataset()
    split = leave_one_out(dataset)
    encoder = TfidfSvd(16).fit(dataset.catalog.texts())
    counts = np.bincount(split.train.items, minlength=ITEMS + 1)
    space = ItemSpace.build(dataset.catalog, encoder, ResidualKMeans(levels=2, codebook=6), counts)
    torch.manual_seed(0)
    sasrec = SASRec(ITEMS, SASRecSettings(width=16, heads=2, layers=1, max_len=16))
    tandem = Tandem(space.codes, space.vectors["text"], space.events, TandemSettings(width=16, heads=2, layers=1, max_len=16))
    for model in (sasrec, tandem):
        Trainer(TrainSettings(epochs=6, max_len=16, tokens=256, learning_rate=5e-3, warmup_steps=5)).fit(model, split.train)
    models = {
        "popularity": Popularity.fit(split.train, ITEMS),
        "ease": ease(split.train, ITEMS, l2=10.0),
        "item-knn": item_knn(split.train, ITEMS),
        "content": ContentNeighbours(space.vectors["text"]),
        "sasrec": sasrec,
        "tandem": tandem,
    }
    shown = {"Tandem": tandem, "SASRec": sasrec, "EASE": models["ease"], "Item-kNN": models["item-knn"], "Popularity": models["popularity"]}
    evaluations = [evaluate(model, split.test, name=name, ks=(10,)) for name, model in shown.items()]
    report = build_report(evaluations, split, dataset=dataset.summary(), vectors=space.vectors["text"])
    settings = ReleaseSettings(dataset="tiny", candidates=10)
    ranker = LightRanker(settings.generators, np.zeros(len(settings.generators) + 3))  # leaves every list as merged
    portraits = Portraits.fit(dataset.histories, CategoryTree.of(dataset.catalog))
    intents = Intents.fit(dataset.histories, portraits.tree)
    parts = {"encoder": encoder, "report": report, "ranker": ranker, "portraits": portraits, "intents": intents}
    write_release(folder, settings, dataset=dataset, space=space, models=models, **parts)
    return folder


@pytest.fixture(scope="session")
def tiny_release_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with quiet():
        return make_release(tmp_path_factory.mktemp("tiny") / "release")


@pytest.fixture(scope="session")
def tiny_release(tiny_release_folder: Path) -> Release:
    """Shared by all tests: it is never changed, only the logs beside it are."""
    return load_release(tiny_release_folder)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteEventLog]:
    log = SqliteEventLog(tmp_path / "events.sqlite")
    yield log
    log.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStateStore]:
    store = SqliteStateStore(tmp_path / "state.sqlite")
    yield store
    store.close()


@pytest.fixture
def app(tiny_release: Release, log: SqliteEventLog) -> FastAPI:
    return create_app(tiny_release, log=log)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """An application with a log of its own."""
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One application for the tests of a file that do not mind each other."""
    folder = tmp_path_factory.mktemp("shared")
    log, store = SqliteEventLog(folder / "events.sqlite"), SqliteStateStore(folder / "state.sqlite")
    served = SqliteServedLog(folder / "served.sqlite")
    with TestClient(create_app(tiny_release, log=log, store=store, served=served), raise_server_exceptions=False) as client:
        yield client
    for part in (served, log, store):
        part.close()


@pytest.fixture
def do(client: TestClient) -> Callable[..., dict[str, Any]]:
    """Log one event and return the answer."""
    numbers = itertools.count()

    def done(user: str, event: str, item: str, **more: Any) -> dict[str, Any]:
        sent = {"event_id": f"do{next(numbers)}", "user_id": user, "item_id": item, "event": event, **more}
        answer = client.post("/v1/events", json={"events": [sent]})
        assert answer.status_code == 202, answer.text
        return answer.json()

    return done


@pytest.fixture(scope="session")
def server_url(tiny_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on a free port of this machine."""
    folder = tmp_path_factory.mktemp("data")
    log, store = SqliteEventLog(folder / "events.sqlite"), SqliteStateStore(folder / "state.sqlite")
    answers = SqliteServedLog(folder / "served.sqlite")
    with served(create_app(tiny_release, log=log, store=store, served=answers, follow=False)) as url:
        yield url
    for part in (answers, log, store):
        part.close()
