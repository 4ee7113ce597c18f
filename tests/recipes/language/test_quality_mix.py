"""Clicks and quality: two heads, calibrated, mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset
from penchant.data.splits import Split
from penchant.llm.model import Ask, Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.models.ranking.quality_mix import PairBatch, Platt, QualityMix
from penchant.recipes.language import quality_mix
from tests.contracts import planted

FULL = "Item {} keeps all sorts of loose paper together in every {} office."


def lab() -> Lab:
    """The planted world, in which every second pair of items has no description; vectors know it."""
    plain = planted.lab()
    poor = [code % 4 in (1, 2) for code in range(1, planted.NUM_ITEMS + 1)]
    words = "red blue green grey pink white black brown gold silver lime teal navy coral plum rose sand snow rust jade mint ash ivy oak elm"
    titles = [f"{word} item {code}" for code, word in enumerate(words.split(), start=1)]
    texts = [None if bad else FULL.format("x" * code, word) for code, (bad, word) in enumerate(zip(poor, words.split(), strict=True))]
    found = replace(plain, catalog=Catalog(plain.catalog.table.with_columns(title=pl.Series(titles), description=pl.Series(texts))))
    vectors = np.column_stack([planted.vectors(), np.array([False, *poor], np.float32)])
    found.__dict__["vectors"] = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return found


def world(of: Lab) -> World:
    split = Split("planted", of.train, of.valid, of.valid, of.num_items, np.zeros(of.num_items + 1, bool))
    nothing = of.catalog.table.select("item_id").head(0).with_columns(user_id="item_id")
    return World(Dataset.build("planted", nothing, of.catalog.table), split, "planted", Worlds())


def test_quality_leaves_fewer_bad_items_and_shuffled_labels_do_not() -> None:
    there = world(lab())
    settings: dict[str, Any] = {"b": 100.0, "labelled": 20, "hidden": 16, "learning_rate": 2e-2, "epochs": 12}
    mixed, shuffled = (quality_mix.measure(quality_mix.build(lab(), shuffled=one, **settings), there) for one in (False, True))
    assert mixed["bad in top 10"].mean() < mixed["bad in top 10, b=0"].mean() - 0.1
    assert mixed["bad in top 10"].mean() < shuffled["bad in top 10"].mean() - 0.1
    assert {len(one) for one in mixed.values()} == {len(mixed["ndcg@10"])}
    assert mixed["ndcg@10, b=0"].mean() > 0.5
    assert set(mixed["b"]) == {100.0}


def test_b_is_chosen_so_that_validation_loses_little() -> None:
    there = world(lab())
    settings: dict[str, Any] = {**quality_mix.TINY, "epochs": 8}
    found = quality_mix.build(lab(), **settings)
    assert found.b in quality_mix.WEIGHTS
    values = quality_mix.measure(found, there)  # the test is validation here
    assert values["ndcg@10"].mean() >= 0.95 * values["ndcg@10, b=0"].mean() - 1e-9


def test_a_language_model_may_label(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def judge(question: Ask | Choose) -> Choice:
        said = question.messages[-1].content
        seen.append(said)
        return Choice(0, np.log([0.8, 0.2] if 'Description: ""' in said else [0.2, 0.8]))

    monkeypatch.setattr(quality_mix, "language_model", lambda where: Scripted(judge))
    of = lab()
    said = quality_mix.judged(Scripted(judge), of, np.arange(1, 9))
    poor = quality_mix.Rubric().poor(of.catalog)[1:9]
    assert said[poor].min() > said[~poor].max()
    assert any('Title: "red item 1"' in one for one in seen)
    assert quality_mix.build(of, **quality_mix.TINY | {"labels": "model", "language": ""}).b >= 0
    with pytest.raises(InputError, match=r"labels='nobody'.*use one of: rubric, model"):
        quality_mix.build(of, labels="nobody")


def test_the_catalogue_is_scored_as_pairs_are_and_unknown_labels_do_not_count() -> None:
    torch.manual_seed(0)
    model = QualityMix(planted.vectors(), hidden=8)
    sources, items = torch.tensor([1, 2]), torch.tensor([[2, 3, 4, 5], [1, 7, 8, 9]])
    pairs = model(sources, items).detach().numpy()
    whole = model.catalogue(sources.numpy())
    np.testing.assert_allclose(np.take_along_axis(whole, items.numpy()[..., None], axis=1), pairs, rtol=1e-5, atol=1e-5)
    assert model.catalogue(np.zeros(0, np.int64)).shape == (0, planted.NUM_ITEMS + 1, 2)
    unknown = model.loss(PairBatch(sources, items, torch.full((2, 4), torch.nan)))
    assert float(unknown.terms["quality"]) == 0.0
    assert float(unknown.total.detach()) == pytest.approx(float(unknown.terms["pair"]))


def test_platt_makes_logits_right_on_average() -> None:
    dice = np.random.default_rng(0)
    logits = dice.normal(0, 3, 4000)
    happened = dice.random(4000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    found = Platt.fit(logits, happened)
    assert found.slope == pytest.approx(0.5, abs=0.1)
    assert found(logits).mean() == pytest.approx(happened.mean(), abs=1e-3)
    assert Platt.fit(logits, np.zeros(4000, bool)) == Platt()
