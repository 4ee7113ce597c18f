"""A small world with a known answer, and one trained model of each kind on it.

Items 1..24 form 12 pairs: whoever takes 2j - 1 takes 2j straight after. Vectors of a pair are near each other, so
content knows it too. Item 25 is taken by everybody first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import torch

from penchant.claims.claim import Budget
from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.contracts import Retriever
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories
from penchant.data.splits import Targets, leave_one_out
from penchant.items.collisions import unique_codes
from penchant.items.residual_kmeans import ResidualKMeans
from penchant.models.generative.depth import DepthSettings
from penchant.models.generative.parallel import ParallelSettings
from penchant.models.generative.retrievers import CodeRetriever, TandemRetriever
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.retrieval.content import ContentNeighbours
from penchant.models.retrieval.linear import ease, item_knn
from penchant.models.retrieval.popularity import Popularity
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

PAIRS = 12
NUM_ITEMS = 2 * PAIRS + 1
EVERYBODYS = NUM_ITEMS


def train_histories(seed: int = 0) -> Histories:
    """120 rows: the common item, then three pairs."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(120):
        pairs = random.choice(PAIRS, 3, replace=False)
        rows.append([EVERYBODYS, *(item for pair in pairs for item in (2 * pair + 1, 2 * pair + 2))])
    return Histories.of(rows, users=np.arange(1, 121))


def vectors(seed: int = 0) -> np.ndarray:
    """float32[N + 1, 16]: partners are near each other."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(PAIRS + 1, 16))
    found = np.repeat(centres, 2, axis=0)[:NUM_ITEMS] + 0.05 * random.normal(size=(NUM_ITEMS, 16))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return np.concatenate([np.zeros((1, 16)), found]).astype(np.float32)


def codes() -> np.ndarray:
    """int32[N + 1, 3], row 0 is -1."""
    quantiser = ResidualKMeans(levels=2, codebook=8).fit(vectors()[1:])
    found = unique_codes(quantiser.encode(vectors()[1:]))
    return np.concatenate([np.full((1, found.shape[1]), -1), found]).astype(np.int32)


class PlantedEncoder:
    """Gives ``vectors`` for the texts, titles and categories of ``catalog``, by the first number in them; zeros where there is none."""

    name, dim = "planted", 16

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return vectors()[[int(next(iter(re.findall(r"\d+", text)), 0)) for text in texts]]

    def fingerprint(self) -> str:
        return "planted"


def catalog() -> Catalog:
    """25 items; partners share a category."""
    codes = range(1, NUM_ITEMS + 1)
    return Catalog(
        pl.DataFrame(
            {
                "item_id": [f"i{code}" for code in codes],
                "title": [f"item {code}" for code in codes],
                "categories": [[f"pair{(code - 1) // 2}"] for code in codes],
            }
        )
    )


def timed_histories(seed: int = 0) -> Histories:
    """``train_histories`` with times: a day between pairs, an hour within one, users spread over a year."""
    plain = train_histories(seed)
    starts = np.random.default_rng(seed + 1).integers(0, 365 * 86_400, len(plain))
    hours = np.array([0, 24, 25, 49, 50, 74, 75])
    return replace(plain, times=(starts[:, None] + 3600 * hours).ravel(), timed=True)


def lab(seed: int = 0, folder: Path | None = None) -> Lab:
    """The planted world as recipes see it; the partner of the last item is to be found on validation."""
    train = timed_histories()
    valid = Targets(train.without_last(1), train.slices(train.offsets[1:] - 1, train.offsets[1:], np.arange(len(train))))
    return Lab("planted", catalog(), train, valid, seed=seed, folder=folder, encoder=PlantedEncoder, other=lambda name: lab(seed + 1))


@cache
def world() -> World:
    """The planted histories as a data set, done once more two months later, with the last event of each user to be found.

    Every third event is a like, every third a dislike, the others are purchases, and all have a rating.
    """
    rows = timed_histories()
    events = pl.DataFrame(
        {
            "user_id": [f"u{user:03}" for user in rows.users[rows.rows]],
            "item_id": [f"i{item}" for item in rows.items],
            "timestamp": rows.times,
            "event": np.array(["purchase", "like", "dislike"])[rows.places % 3],
            "value": 1.0 + (rows.places * 2) % 5,
        }
    )
    later = events.with_columns(pl.col("timestamp") + 60 * 86_400)
    dataset = Dataset.build("planted", pl.concat([events, later]), catalog().table)
    return PlantedWorld(dataset, leave_one_out(dataset), "leave-one-out", Worlds())


class PlantedWorld(World):
    """A world whose labs encode items by ``vectors``."""

    def lab(self, seed: int, budget: Budget | None = None, folder: Path | None = None) -> Lab:
        return replace(super().lab(seed, budget, folder), encoder=PlantedEncoder)


@dataclass(frozen=True)
class Case:
    """A model under the contract.

    Attributes:
        make: Trains one with a seed.
        planted: Whether it can know the pair of the newest item (popularity cannot).
    """

    make: Callable[[int], Retriever]
    planted: bool = True


def training(seed: int) -> TrainSettings:
    """A second of training."""
    return TrainSettings(max_len=12, tokens=256, epochs=25, learning_rate=5e-3, warmup_steps=5, seed=seed, bf16=False)


OVER_ITEMS = ParallelSettings(part=16, over_items=True, temperature=0.07)


def counts() -> np.ndarray:
    """Training events an item."""
    return np.bincount(train_histories().items, minlength=NUM_ITEMS + 1)


def tandem(seed: int, head: DepthSettings | ParallelSettings | None = None) -> Tandem:
    """A trained Tandem."""
    torch.manual_seed(seed)
    settings = TandemSettings(width=32, heads=2, layers=1, dropout=0.1, max_len=12, code_head=head or DepthSettings())
    model = Tandem(codes(), vectors(), counts(), settings)
    Trainer(training(seed)).fit(model, train_histories())
    return model


def sasrec(seed: int) -> SASRec:
    """A trained SASRec."""
    torch.manual_seed(seed)
    model = SASRec(NUM_ITEMS, SASRecSettings(width=32, heads=2, layers=1, dropout=0.1, max_len=12))
    Trainer(training(seed)).fit(model, train_histories())
    return model


CASES: dict[str, Case] = {
    "popularity": Case(lambda seed: Popularity.fit(train_histories(), NUM_ITEMS), planted=False),
    "item-knn": Case(lambda seed: item_knn(train_histories(), NUM_ITEMS)),
    "ease": Case(lambda seed: ease(train_histories(), NUM_ITEMS, l2=10.0)),
    "content": Case(lambda seed: ContentNeighbours(vectors())),
    "sasrec": Case(sasrec),
    "tandem, dense head": Case(tandem),
    "tandem, code head": Case(lambda seed: CodeRetriever(tandem(seed))),
    "tandem, parallel code head": Case(lambda seed: CodeRetriever(tandem(seed, ParallelSettings()))),
    "tandem, parallel code head over items": Case(lambda seed: CodeRetriever(tandem(seed, OVER_ITEMS))),
    "tandem, both heads": Case(lambda seed: TandemRetriever(tandem(seed), width=10, weight=0.3)),
}
