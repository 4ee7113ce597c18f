"""Search that learns from written queries, measured on queries of other items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.dataset import Dataset
from penchant.data.splits import Split
from penchant.items.tfidf import TfidfSvd
from penchant.llm.model import Ask, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language import synthetic_queries
from tests.contracts import planted

WORDS = ("paper", "pencil", "stapler", "folder", "marker", "binder", "eraser", "ruler", "scissors", "tape")
KINDS = ("large", "small", "heavy", "light", "green", "black", "yellow", "purple")


def shop() -> Lab:
    """80 items, told apart by two words."""
    titles = [f"{kind} {word} set" for word in WORDS for kind in KINDS]
    table = pl.DataFrame({"item_id": [f"i{one}" for one in range(80)], "title": titles, "description": [f"It is {one}" for one in titles]})
    encoder = TfidfSvd(dim=16).fit(titles)
    catalog = Catalog(table)
    return replace(planted.lab(), catalog=catalog, encoder=lambda: encoder)


def world(lab: Lab) -> World:
    split = Split("planted", lab.train, lab.valid, lab.valid, lab.num_items, np.zeros(lab.num_items + 1, bool))
    nothing = lab.catalog.table.select("item_id").head(0).with_columns(user_id="item_id")
    return World(Dataset.build("planted", nothing, lab.catalog.table), split, "planted", Worlds())


def writes(question: Ask | Choose) -> str:
    """Half of its queries say nothing of the item."""
    title = json.loads(question.messages[-1].content.splitlines()[0].removeprefix("Title: "))
    kind, word, _ = title.split()
    return json.dumps({"queries": [f"{word} {kind}", "zebra", f"{kind} {word} please", "unicorn horn"]})


SMALL: dict[str, Any] = {"asked": 40, "learning_rate": 5e-3, "epochs": 5}


def test_kept_queries_of_a_model_are_learnt_from_and_searched_with(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = shop()
    monkeypatch.setattr(synthetic_queries, "language_model", lambda where: Scripted(writes))
    kept = synthetic_queries.build(lab, **SMALL)
    every = synthetic_queries.build(replace(lab, runs={}), filtered=False, **SMALL)
    nobody = synthetic_queries.build(replace(lab, runs={}), written="nobody")
    values = [synthetic_queries.measure(one, world(lab)) for one in (kept, every, nobody)]
    assert [float(one["share of written queries kept"][0]) for one in values] == [pytest.approx(0.5), 1.0, 0.0]
    assert len({len(one) for value in values for one in value.values()}) == 1
    assert values[0]["recall@10"].mean() >= values[2]["recall@10"].mean() - 0.1
    assert kept.search(["green tape"], 3).shape == (1, 3)
    assert kept.model.of_query.weight.any()


def test_queries_of_the_test_are_of_items_nobody_wrote_for_and_always_the_same() -> None:
    lab = shop()
    tested, rest = synthetic_queries.parted(80)
    queries = synthetic_queries.composed(lab.catalog)
    assert sorted([*tested, *rest]) == list(range(1, 81))
    assert [query.item for query in queries] == tested.tolist()
    assert queries == synthetic_queries.composed(lab.catalog)
    known = {*WORDS, *KINDS, "set", "it", "is"}
    strange = [[word for word in query.text.split() if word not in known] for query in queries]
    assert max(map(len, strange)) == 1
    assert 4 <= sum(map(len, strange)) <= 20, "about half of them have one misspelt word"


def test_words_bring_items_back_too() -> None:
    lab = shop()
    search = synthetic_queries.by_words(lab.catalog, np.zeros(81, np.int64))
    found = search(["green tape", "zebra"], 4)
    assert found.shape == (2, 4)
    assert found[0, 0] == 1 + WORDS.index("tape") * 8 + KINDS.index("green")
    assert not found[1].any()


def test_without_a_model_it_trains_on_words_and_refuses_what_it_does_not_know() -> None:
    model = synthetic_queries.build(planted.lab(), **synthetic_queries.TINY)
    assert model.model.of_query.weight.any()
    with pytest.raises(InputError, match=r"written='nothing'.*use one of: model"):
        synthetic_queries.build(planted.lab(), written="nothing")


def test_where_no_query_is_kept_search_stays_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(asked: Sequence[object] | object) -> str:
        return json.dumps({"queries": ["zebra", "zebra", "zebra", "zebra"]})

    monkeypatch.setattr(synthetic_queries, "language_model", lambda where: Scripted(nonsense))
    model = synthetic_queries.build(shop(), **SMALL)
    assert model.kept == 0.0
    assert not model.model.of_query.weight.any()
