"""A data set on disk in which item j + 1 follows item j, and recipes whose arms are cheap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.claims.claim import Arm, Budget, Claim
from penchant.claims.world import World, Worlds

USERS, ITEMS = 150, 40
SMALL = {"width": 16, "layers": 1, "heads": 1, "max_len": 12, "dropout": 0.0, "learning_rate": 5e-2, "tokens": 4096}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of 150 users, six steps each."""
    place = tmp_path_factory.mktemp("planted")
    random = np.random.default_rng(0)
    rows = [
        {"user_id": f"u{user:03}", "item_id": f"i{(start + step) % ITEMS:02}", "timestamp": 86_400 * step + user, "event": "view"}
        for user, start in enumerate(random.integers(0, ITEMS, USERS))
        for step in range(6)
    ]
    pl.DataFrame(rows).write_parquet(place / "events.parquet")
    pl.DataFrame({"item_id": [f"i{item:02}" for item in range(ITEMS)], "title": [f"thing {item}" for item in range(ITEMS)]}).write_parquet(
        place / "items.parquet"
    )
    return place


@pytest.fixture
def worlds() -> Worlds:
    return Worlds()


@pytest.fixture
def world(worlds: Worlds, folder: Path) -> World:
    return worlds.open(str(folder), "leave-one-out")


@pytest.fixture
def claim(folder: Path) -> Claim:
    """Trained longer, the planted order is found; one step finds nothing."""
    return Claim(
        name="planted-order",
        says="More width finds the planted order.",
        subject=Arm("wide", "sasrec", SMALL),
        rivals=[Arm("narrow", "sasrec", {**SMALL, "width": 1})],
        dataset=str(folder),
        metric="ndcg@10",
        budget=Budget(steps=30),
        seeds=(0, 1),
        shown=("recall@10",),
    )
