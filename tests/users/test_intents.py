"""Intents across domains: the planted one is found, counts are those of a slow reference, and nothing is told without evidence."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import InputError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.users.categories import CategoryTree
from penchant.users.intents import Intents, IntentSettings

PATHS = [
    ["Food", "Infant food"],
    ["Food", "Bread"],
    ["Food", "Tea"],
    ["Care", "Wipes"],
    ["Care", "Soap"],
    ["Care", "Razors"],
    ["Toys", "Rattles"],
    ["Toys", "Puzzles"],
]
EACH = 3  # items of a path
INFANT, BREAD, TEA, WIPES, SOAP, RAZORS, RATTLES, PUZZLES = (range(1 + EACH * n, 1 + EACH * (n + 1)) for n in range(len(PATHS)))
SETTINGS = IntentSettings(strata=3, prior=2.0)


@cache
def tree() -> CategoryTree:
    ids = [f"i{code}" for code in range(1, EACH * len(PATHS) + 1)]
    return CategoryTree.of(Catalog(pl.DataFrame({"item_id": ids, "categories": [path for path in PATHS for _ in range(EACH)]})))


@cache
def crowd() -> Histories:
    """300 households; those with infant food have wipes and rattles, the others soap, razors and puzzles by chance."""
    random = np.random.default_rng(3)
    rows = []
    for user in range(300):
        bought = [*random.choice([*BREAD, *TEA], random.integers(1, 5))]
        infant = user % 3 == 0
        often, seldom = (([*WIPES, *RATTLES], [*SOAP, *RAZORS, *PUZZLES])) if infant else ([*SOAP, *RAZORS, *PUZZLES], [*WIPES, *RATTLES])
        bought += [*random.choice([*INFANT], 2)] if infant else []
        bought += [*random.choice(often, random.integers(1, 5)), *random.choice(seldom, random.integers(0, 2))]
        rows.append(random.permutation(bought))
    return Histories.of(rows, users=np.arange(1, 301))


@cache
def made() -> Intents:
    return Intents.fit(crowd(), tree(), SETTINGS)


def domain(name: str) -> int:
    return next(one for one in np.unique(made().roots).tolist() if tree().names[one] == name)


def test_infant_food_tells_of_wipes_and_rattles() -> None:
    found = made().of(Histories.of([[INFANT[0], INFANT[0], INFANT[1]]]))
    assert {one.path for one in found[:2]} == {("Care", "Wipes"), ("Toys", "Rattles")}
    assert all(one.strength > 1.2 for one in found[:2])
    assert found[0].sources[0].path == ("Food", "Infant food")
    assert found[0].evidence == (INFANT[0],)
    assert found[0].sources[0].share == pytest.approx(1.0)


def test_no_intent_without_evidence_and_evidence_lies_in_other_domains() -> None:
    assert made().of(Histories.of([[]])) == []
    for row in range(60):
        history = crowd().take(np.array([row]))
        had = {int(made().roots[tree().kinds[item]]) for item in history.items.tolist()}
        for one in made().of(history):
            home = made().roots[one.category]
            assert home not in had, "nothing is bought there"
            assert one.strength > 1
            assert one.sources
            assert 0 < sum(source.share for source in one.sources) <= 1 + 1e-6
            for source in one.sources:
                assert source.item in history.items
                assert tree().kinds[source.item] == source.category
                assert made().roots[source.category] != home


def test_the_order_of_events_does_not_matter() -> None:
    random = np.random.default_rng(0)
    for row in range(20):
        history = crowd().row(row)
        mixed = random.permutation(history)
        assert made().of(Histories.of([history])) == made().of(Histories.of([mixed]))
        one, other = (made().scores(Histories.of([items]), domain("Care")) for items in (history, mixed))
        np.testing.assert_array_equal(one, other)


def test_what_is_turned_down_says_nothing() -> None:
    against = Histories.of([[INFANT[0]]], actions=[[ACTION_CODE["dislike"]]])
    assert made().of(against) == []


def test_few_intents_are_told_and_few_of_a_domain() -> None:
    few = Intents.fit(crowd(), tree(), SETTINGS.but(each=1, told=1))
    found = few.of(Histories.of([[INFANT[0]]]))
    assert len(found) == 1
    assert found[0] == made().of(Histories.of([[INFANT[0]]]))[0]


def test_scores_are_popularity_and_what_categories_say() -> None:
    asked = domain("Care")
    items = made().items(asked)
    assert items.tolist() == [*WIPES, *SOAP, *RAZORS]
    rows = crowd().take(np.arange(5))
    whole = made().scores(rows, asked)
    weights, kept = made().weights, made().kept.tolist()
    for row in range(5):
        others = [item for item in rows.row(row).tolist() if item not in items]
        held = sorted({kept.index(tree().kinds[item]) for item in others})
        norm = math.sqrt(sum(weights[one] ** 2 for one in held))
        for place, item in enumerate(items.tolist()):
            column = kept.index(tree().kinds[item])
            z = sum(weights[one] * made().lift[one, column] for one in held) / norm
            assert whole[row, place] == pytest.approx(math.log(made().shares[item]) + SETTINGS.temper * z, abs=1e-4)
    nobody = made().scores(Histories.of([[]]), asked)
    np.testing.assert_allclose(nobody[0], np.log(made().shares[items]), rtol=1e-5)


def test_what_is_in_the_domain_is_not_looked_at() -> None:
    one, other = ([INFANT[0], BREAD[1]], [INFANT[0], SOAP[0], BREAD[1], RAZORS[2]])
    found, expected = (made().scores(Histories.of([items]), domain("Care")) for items in (one, other))
    np.testing.assert_array_equal(found, expected)


def test_one_row_at_a_time() -> None:
    with pytest.raises(InputError, match="intents are of one user"):
        made().of(crowd())
