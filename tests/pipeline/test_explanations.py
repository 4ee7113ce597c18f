"""Explanations: the template says what drove an item, and a model's words are kept only where they say that, too."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.core.errors import UnavailableError
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE, ITEMS
from penchant.llm.model import Completion, ended
from penchant.llm.scripted import Scripted
from penchant.pipeline.explanations import TEMPLATE, Case, Explanations, deleted
from penchant.pipeline.reasons import Reason, because
from penchant.users.categories import CategoryTree
from penchant.users.portrait import Portraits

ITEM = 3


@pytest.fixture(scope="module")
def shop() -> Explanations:
    titles = ["Heat", "Jaws", "Alien: Director's Cut", "The Rock"]
    lists = [["Crime", "Action"], ["Horror", "Action"], ["Horror", "Sci-Fi"], ["Action", "Crime"]]
    given = pl.DataFrame({"item_id": ["a", "b", "c", "d"], "title": titles, "categories": lists})
    return Explanations(
        Catalog(given.with_columns(pl.lit(None, kind).alias(name) for name, kind in ITEMS.items() if name not in given.columns))
    )


def case(shop: Explanations, *causes: int) -> Case:
    actions = [[ACTION_CODE["purchase"], ACTION_CODE["play"], ACTION_CODE["purchase"]]]
    history = Histories.of([[1, 2, 4]], actions=actions)
    portrait = Portraits.fit(history, CategoryTree.of(shop.catalog)).of(history)
    return shop.cases(history, portrait, [(ITEM, Reason("", "event" if causes else "history", causes))])[0]


def test_the_template_says_of_each_event_what_was_done(shop: Explanations) -> None:
    one = case(shop, 1, 2)
    assert shop.template(one).text == "Because you bought Heat and watched Jaws. It is Horror, which you often choose."
    assert all(told.supported for told in shop.checker.check(shop.template(one).text, one.evidence))
    assert because([("Heat", "bought"), ("The Rock", "bought"), ("Jaws", "watched")]) == "bought Heat and The Rock and watched Jaws"
    assert shop.template(case(shop)).text == "It is Horror, which you often choose."


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('Because you watched "Jaws", you may like "Alien: Director\'s Cut".', ""),
        ("You watched Jaws, and it is Horror.", ""),
        ('Because you bought "Heat", you may like "Alien: Director\'s Cut".', "'Heat' is true of the user, but not why"),
        ('You watched "Jaws" and often choose "Action".', "'Action' is true of the user, but not why"),
        ('Because you bought "Jaws", you may like it.', "'Jaws' was not bought"),
        ("You watched The Matrix.", "nothing in it|nobody knows"),
    ],
)
def test_a_models_words_are_kept_where_they_are_true_and_why(shop: Explanations, said: str, why: str) -> None:
    (found,) = shop.written(Scripted([said]), [case(shop, 2)])
    if why:
        assert found.author == TEMPLATE
        assert any(part in found.dropped[0].wrong for part in why.split("|")), found.dropped[0].wrong
    else:
        assert (found.text, found.author, found.dropped) == (said, "scripted", ())


def test_nobody_is_asked_about_what_no_event_drove_and_a_failure_is_told(shop: Explanations) -> None:
    model = Scripted([UnavailableError("server", "it is down", "start it")])
    plain, failed = shop.written(model, [case(shop), case(shop, 2)])
    assert len(model.asked) == 1
    assert (plain.author, plain.failed) == (TEMPLATE, "")
    assert failed.author == TEMPLATE
    assert "it is down" in failed.failed


def test_of_a_text_that_was_cut_the_last_sentence_goes(shop: Explanations) -> None:
    cut = Completion('You watched Jaws. Because you watched "Jaws", you may like', cut=True)
    assert ended(cut) == "You watched Jaws."
    assert ended(Completion("You watched", cut=True)) == ""
    assert ended(Completion("You watched")) == "You watched"
    assert shop.looked_up(case(shop, 2), cut, "a-model").text == "You watched Jaws."


def test_deletion_is_of_what_is_named() -> None:
    drops, past = np.array([[1.0, 0.0], [0.0, 3.0]], np.float32), np.array([7, 8])
    named, usual = deleted(drops, past, [(7,), ()])
    assert named[0] == 1.0
    assert np.isnan(named[1])
    assert usual.tolist() == [0.5, 1.5]
