"""Suspects: how many, and what is put in their place."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.repair import replaced_alike, replaced_by, suspects

ROWS = Histories.of([[1, 3, 2, 1], [4, 3], []])
VECTORS = np.array([[0, 0], [1, 0], [0.96, 0.28], [0, 1], [0.28, 0.96]], np.float32)


def test_suspects_are_the_worst_of_all_but_not_too_many_of_a_row() -> None:
    suspicion = np.array([9.0, 8, 7, 1, 2, 6])
    assert suspects(suspicion, ROWS, share=0.5, most=1.0).tolist() == [True, True, True, False, False, False]
    assert suspects(suspicion, ROWS, share=0.5, most=0.5).tolist() == [True, True, False, False, False, False]
    assert suspects(suspicion, ROWS, share=1.0, most=0.25).tolist() == [True, False, False, False, False, True], "at least one of a row"
    assert not suspects(suspicion, ROWS, share=0.0).any()
    with pytest.raises(InputError, match="share=2"):
        suspects(suspicion, ROWS, share=2)


def test_a_replacement_is_like_the_events_around_it() -> None:
    found = replaced_alike(ROWS, np.array([False, True, False, False, False, True]), VECTORS)
    assert found.row(0).tolist() == [1, 1, 2, 1] or found.row(0).tolist() == [1, 2, 2, 1]
    assert found.row(1).tolist() == [4, 4], "nothing of another row is looked at"
    alone = Histories.of([[1], [2]])
    assert replaced_alike(alone, np.array([True, True]), VECTORS).items.tolist() == [1, 2], "nothing is near"
    same = replaced_alike(Histories.of([[1, 1, 1]]), np.array([False, True, False]), VECTORS)
    assert same.items.tolist() == [1, 2, 1], "never the item itself"
    assert replaced_alike(ROWS, np.zeros(6, bool), VECTORS).items.tolist() == ROWS.items.tolist()


def test_only_suspects_are_replaced_by_others() -> None:
    others = Histories.of([[2, 2, 2, 2], [2, 2], []])
    assert replaced_by(ROWS, np.array([True] + [False] * 5), others).items.tolist() == [2, 3, 2, 1, 4, 3]
