"""Items by a portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.portrait_scorer import PortraitScorer, someone
from penchant.users.portrait import Portraits
from penchant.users.portrait_shares import shares
from tests.users.test_portrait import CHESS, COFFEE, LAMP, MUG, TEA, TEA_TOO, TREE, crowd

MADE = Portraits.fit(crowd(), TREE)
PEOPLE = Histories.of([[TEA, TEA_TOO, MUG], [CHESS], []])


def test_what_fits_the_interests_comes_first() -> None:
    found = PortraitScorer(MADE, (0.5, 0.5, 0.0)).recommend(PEOPLE, 3)
    assert set(found.items[0, :2]) == {TEA, TEA_TOO}
    assert found.items[1, 0] == CHESS


def test_a_potential_interest_is_what_people_alike_have() -> None:
    found = PortraitScorer(MADE, (0.0, 0.0, 1.0)).score(Histories.of([[COFFEE] * 3]))[0]
    assert found[LAMP] > found[MUG]


def test_a_stranger_follows_from_the_history_alone(tmp_path: Path) -> None:
    told = shares(MADE, crowd())
    strangers = np.stack([told.short, told.long, told.potential], axis=1)
    model = PortraitScorer(MADE, (1.0, 1.0, 0.0), strangers)
    together = model.score(PEOPLE)
    for row in range(len(PEOPLE)):
        np.testing.assert_array_equal(model.score(PEOPLE.take(np.array([row])))[0], together[row])
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(PortraitScorer.load(tmp_path / "model").score(PEOPLE), together)
    many = someone(Histories.of([[item] for item in range(1, 1001)]), 40)
    assert len(set(many.tolist())) == 40


def test_three_layers_need_three_weights() -> None:
    with pytest.raises(InputError, match="pass short, long, potential"):
        PortraitScorer(MADE, (1.0, 0.0))  # type: ignore[arg-type]
