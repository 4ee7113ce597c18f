"""Bad matches: labelled by a judge, a rule or people, learnt, left out; measured as shares of all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from penchant.claims.lab import Lab
from penchant.claims.world import World, Worlds
from penchant.core.errors import InputError
from penchant.data.dataset import Dataset
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.data.splits import Split, Targets
from penchant.llm.model import Choice, Choose
from penchant.llm.scripted import Scripted
from penchant.recipes.language import ebadmatch
from tests.contracts import planted

LIKE, DISLIKE = ACTION_CODE["like"], ACTION_CODE["dislike"]


def rated(rows: int = 80) -> Lab:
    """Whoever likes items of the lower half dislikes those of the upper one, and the other way round."""
    dice = np.random.default_rng(0)
    items = [dice.permutation(np.arange(1, 25)) for _ in range(rows)]
    actions = [np.where((mine <= 12) == (row % 2 == 0), LIKE, DISLIKE) for row, mine in enumerate(items)]
    whole = Histories.of(items, actions=actions, users=np.arange(1, rows + 1))
    early, late = whole.without_last(12), whole.last(12)
    vectors = np.concatenate([np.zeros((1, 4)), np.eye(2, 4)[(np.arange(1, 26) > 12).astype(int)]]).astype(np.float32)
    lab = replace(planted.lab(), train=early, valid=Targets(early, late.without_last(6)))
    lab.__dict__["vectors"] = vectors
    lab.__dict__["later"] = late.last(6)
    return lab


def world(lab: Lab) -> World:
    later: Histories = lab.__dict__["later"]
    split = Split("planted", lab.train, lab.valid, Targets(lab.train, later), lab.num_items, np.zeros(lab.num_items + 1, bool))
    nothing = lab.catalog.table.select("item_id").head(0).with_columns(user_id="item_id")
    return World(Dataset.build("planted", nothing, lab.catalog.table), split, "planted", Worlds())


@pytest.mark.parametrize("by", ["truth", "alike", "erring"])
def test_a_classifier_leaves_out_bad_matches_and_values_are_shares_of_all(by: str) -> None:
    lab = rated()
    there = world(lab)
    model = ebadmatch.build(lab, by=by, labels=200, language=None)
    found = ebadmatch.measure(model, there)
    later = there.split.test.items
    bad = later.actions == DISLIKE
    stays = ebadmatch.kept(model.worst(later.users[later.rows], later.items), ebadmatch.LEFT_OUT)
    assert found["bad matches kept"].shape == (len(later),)
    assert found["bad matches kept"].mean() == pytest.approx(bad[stays].mean())
    assert found["good matches lost"].mean() == pytest.approx(1 - (~bad & stays).sum() / (~bad).sum())
    assert found["bad matches kept"].mean() < 0.85 * bad.mean()


def test_labels_of_a_language_model_are_read_and_a_shuffle_makes_them_worthless(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = rated()

    def judge(question: object) -> Choice:
        assert isinstance(question, Choose)
        said = question.messages[-1].content
        half = [int(word) > 12 for word in said.replace('"', " ").replace(";", " ").split() if word.isdigit()]
        bad = bool(half) and half[0] != half[-1]  # the first is liked, the last is judged
        return Choice(0 if bad else 1, np.log([0.9, 0.1] if bad else [0.1, 0.9]))

    monkeypatch.setattr(ebadmatch, "language_model", lambda where: Scripted(judge))
    values = [
        ebadmatch.measure(ebadmatch.build(lab, shuffled=shuffled, labels=200), world(lab))["bad matches kept"].mean()
        for shuffled in (False, True)
    ]
    assert values[0] < values[1] - 0.05


@pytest.mark.parametrize("by", ["chance", "likes", "score"])
def test_rivals_need_no_labels(by: str) -> None:
    lab = rated()
    assert len(ebadmatch.measure(ebadmatch.build(lab, by=by), world(lab))["bad matches kept"]) == 80


def test_it_trains_where_nobody_says_what_is_liked_and_refuses_what_it_does_not_know() -> None:
    model = ebadmatch.build(planted.lab(), **ebadmatch.TINY)
    assert model.worst(np.array([1, 2]), np.array([3, 4])).shape == (2,)
    with pytest.raises(InputError, match=r"by='nothing'.*use one of: model"):
        ebadmatch.build(planted.lab(), by="nothing")
