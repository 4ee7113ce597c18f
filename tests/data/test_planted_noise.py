"""Planted noise: where it is, how much, and that all else stays."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.planted_noise import planted

HISTORIES = Histories.of([[1 + (row + place) % 9 for place in range(10)] for row in range(200)], users=np.arange(200))


def test_noise_is_another_item_and_everything_else_stays() -> None:
    found = planted(HISTORIES, 9, share=0.1)
    assert found.noise.mean() == pytest.approx(0.1, abs=0.03)
    assert ((found.histories.items != HISTORIES.items) == found.noise).all()
    assert np.array_equal(found.before, HISTORIES.items)
    assert np.array_equal(found.histories.offsets, HISTORIES.offsets)
    assert np.array_equal(found.histories.times, HISTORIES.times)
    drawn = found.histories.items[found.noise]
    assert set(drawn.tolist()) == set(range(1, 10))


def test_the_same_seed_plants_the_same_and_shares_are_kept() -> None:
    assert np.array_equal(planted(HISTORIES, 9, seed=1).histories.items, planted(HISTORIES, 9, seed=1).histories.items)
    assert not np.array_equal(planted(HISTORIES, 9, seed=1).noise, planted(HISTORIES, 9, seed=2).noise)
    assert planted(HISTORIES, 9, share=1.0).noise.all()
    assert not planted(HISTORIES, 9, share=0.0).noise.any()
    with pytest.raises(InputError, match="share=2"):
        planted(HISTORIES, 9, share=2)
    with pytest.raises(InputError, match="num_items=1"):
        planted(HISTORIES, 1)
