"""Chains of thought as a recipe: what is measured, by whom, and that teaching keeps to the budget."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.claims.claim import Budget
from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError
from penchant.data.sources import load
from penchant.data.splits import leave_one_out
from penchant.llm.local import LocalModel
from penchant.llm.lora import LoraSettings
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.llm.teachable import teachable
from penchant.recipes.language import chain_of_thought, teaching
from penchant.recipes.language.chain_of_thought import By, build, measure
from penchant.users.thoughts import Mode

GENRES = ["Comedy", "War", "Horror", "Drama"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ten users, each of one genre: what comes next is what came before."""
    folder = tmp_path_factory.mktemp("shop")
    items = [{"item_id": f"i{n}", "title": f"Title {n}", "category_names": [GENRES[n % 4]]} for n in range(40)]
    events = [
        {"user_id": f"u{user}", "item_id": f"i{4 * step + user % 4}", "timestamp": 1000 * step + user}
        for user in range(10)
        for step in range(6)
    ]
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    data = load(str(folder)).dataset
    return World(data, leave_one_out(data), "leave-one-out", Worlds())


def lab(world: World, steps: int = 2) -> Lab:
    return world.lab(0, Budget(steps=steps))


def follows(question: Ask | Choose) -> str | Choice:
    """Thinks of the newest item's genre, and chooses that."""
    told = question.messages[-1].content
    newest = next((one for one in GENRES if f"({one})" in told.split("; ")[0]), "")
    if isinstance(question, Ask):
        return f"{newest} comes next."
    scores = np.array([0.0 if newest == one else -5.0 for one in question.options])
    return Choice(int(scores.argmax()), scores)


def titles_read(model: Scripted) -> set[str]:
    return {title for question in model.asked for one in question.messages for title in re.findall(r"Title \d+", one.content)}


def test_counting_knows_users_and_popularity_knows_none(world: World) -> None:
    own = measure(build(lab(world), language=None, by=By.PORTRAIT), world)
    popular = measure(build(lab(world), language=None, by=By.POPULARITY), world)
    assert own["next interest@1"].tolist() == [1.0] * 10
    assert 0 < popular["next interest@1"].mean() < 0.5
    assert own["next interest@5"].tolist() == popular["next interest@5"].tolist() == [1.0] * 10, "there are four"
    assert set(own) == set(popular) == {"next interest@1", "next interest@5", "agreement"}


def test_a_model_is_asked_in_each_mode_and_shuffling_takes_the_user_away(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Scripted(follows)
    monkeypatch.setattr(chain_of_thought, "language_model", lambda _: model)
    for mode in (Mode.PLAIN, Mode.UNSUPERVISED):
        found = measure(build(lab(world), mode=mode), world)
        assert found["next interest@1"].tolist() == [1.0] * 10
        other = measure(build(lab(world), mode=mode, shuffled=True), world)
        assert other["next interest@1"].mean() < 0.5
    targets = {world.dataset.catalog.titles()[item - 1] for item in world.split.test.items.items}
    read = titles_read(model)
    assert read
    assert not read & targets, "what is to be foreseen is never told"
    with pytest.raises(InputError, match="language=None"):
        build(lab(world), language=None)


def test_thoughts_are_taught_with_labels_of_both_kinds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = {}

    def keep(_: Lab, model: Scripted, examples: tuple, settings: LoraSettings) -> Scripted:
        taught["answers"] = [one.answer for one in examples[1::2]]
        return model

    model = Scripted(follows)
    monkeypatch.setattr(chain_of_thought, "language_model", lambda _: model)
    monkeypatch.setattr(chain_of_thought, "taught", keep)
    for mode in (Mode.OPTIMAL, Mode.SUB_OPTIMAL):
        build(lab(world), mode=mode, learners=4)
        assert len(taught["answers"]) == 8
        assert set(taught["answers"]) <= set(GENRES)
    after = {world.dataset.catalog.titles()[item - 1] for item in world.split.train.last(1).items}
    assert titles_read(model)
    assert not titles_read(model) & after, "the newest training event is held out"


def test_a_local_model_is_taught_in_exactly_the_steps_of_the_budget(
    world: World, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chain_of_thought, "language_model", lambda _: LocalModel(tiny_folder, bf16=False))
    monkeypatch.setattr(teaching, "cache_folder", lambda: tmp_path)
    here = lab(world, steps=3)
    found = measure(build(here, mode=Mode.OPTIMAL, learners=2, tokens=4, samples=1), world)
    assert here.steps == 3
    assert [len(values) for values in found.values()] == [10, 10, 10]
    with pytest.raises(InputError, match="in this process"):
        teachable(Scripted(follows))
