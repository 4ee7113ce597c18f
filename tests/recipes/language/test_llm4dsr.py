"""LLM4DSR as a recipe: what is measured was taught to nobody, and everything that suspects is measured on the same sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.claims.claim import Budget
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.planted_noise import planted
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.llm.local import LocalModel
from penchant.recipes.language import llm4dsr, teaching
from penchant.recipes.language.llm4dsr import SHARE, By, build, drawn, measure


class Knows:
    """Suspects what stands where another item stood."""

    def __init__(self, world: World) -> None:
        rows, _ = drawn(world.split.train, world.split.num_items)
        found = planted(world.split.train, world.split.num_items, share=SHARE)
        self.noise = llm4dsr._newest(found.noise, found.histories).take(rows).actions

    def suspicion(self, _: Histories) -> np.ndarray:
        return self.noise.astype(np.float64)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Sixty users of twelve events among 40 items."""
    folder = tmp_path_factory.mktemp("shop")
    random = np.random.default_rng(0)
    items = [{"item_id": f"i{n}", "title": f"film {n}"} for n in range(40)]
    events = [
        {"user_id": f"u{u}", "item_id": f"i{random.integers(40)}", "timestamp": 100 * place + u} for u in range(60) for place in range(12)
    ]
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    data = load(str(folder)).dataset
    return World(data, leave_one_out(data), "leave-one-out", Worlds())


def test_measured_sequences_are_taught_to_nobody_and_always_the_same(world: World) -> None:
    measured, others = drawn(world.split.train, world.split.num_items)
    assert len(measured) > 10
    assert not set(measured) & set(others)
    assert measured.tolist() == drawn(world.split.train, world.split.num_items)[0].tolist()


def test_who_knows_finds_all_and_chance_half(world: World) -> None:
    known = measure(Knows(world), world)["detection AUC"]
    assert known.tolist() == [1.0] * len(known)
    lab = world.lab(0, Budget(steps=2))
    chance = measure(build(lab, by=By.CHANCE, language=None), world)["detection AUC"]
    assert 0.3 < chance.mean() < 0.7
    for by in (By.COUNTS, By.SEQUENCES):
        found = measure(build(lab, by=by, language=None, sequence_steps=3), world)["detection AUC"]
        assert len(found) == len(known)
    assert lab.steps == 0, "the sequence model's steps are its own"
    with pytest.raises(InputError, match="language=None"):
        build(lab, language=None)


def test_a_model_is_taught_within_the_budget(world: World, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(llm4dsr, "language_model", lambda _: LocalModel(tiny_folder, bf16=False))
    monkeypatch.setattr(teaching, "cache_folder", lambda: tmp_path)
    lab = world.lab(0, Budget(steps=2))
    before = measure(build(lab, by=By.UNTAUGHT), world)["detection AUC"]
    assert lab.steps == 0
    after = measure(build(lab, learners=4), world)["detection AUC"]
    assert lab.steps == 2
    assert len(before) == len(after)
    with pytest.raises(InputError, match="taught by steps"):
        build(world.lab(0, Budget(seconds=1.0)), learners=4)
