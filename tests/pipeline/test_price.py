"""The price of a change: nothing where nothing changes, and the right sign where something does."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.pipeline.price import price

#: Whoever had item n goes on with n + 1.
HISTORIES = Histories.of([[number % 30 + 1, number % 30 + 2, number % 30 + 3] for number in range(200)] + [[1], []])


def follows(history: Histories, k: int) -> list[int]:
    return [int(history.items[-1]) + step for step in range(1, k + 1)]


def fixed(history: Histories, k: int) -> list[int]:
    return list(range(1, k + 1))


def test_no_change_costs_nothing() -> None:
    found = price(HISTORIES, follows, follows, k=5)
    assert found.users == 200
    assert (found.same, found.before["ndcg@5"], found.change["ndcg@5"].mean.mean, found.change["ndcg@5"].p) == (1.0, 1.0, 0.0, 1.0)


def test_what_is_lost_is_told_with_an_interval() -> None:
    found = price(HISTORIES, follows, fixed, k=5)
    lost = found.change["recall@5"].mean
    truth = np.mean([number % 30 + 3 <= 5 for number in range(200)]) - 1
    assert lost.mean == pytest.approx(truth, abs=1e-6)
    assert lost.low <= truth <= lost.high < 0
    assert found.same < 0.2
    assert price(HISTORIES, fixed, follows, k=5).change["recall@5"].mean.mean == pytest.approx(-truth, abs=1e-6)


def test_only_what_came_before_is_seen() -> None:
    seen: list[int] = []

    def watched(history: Histories, k: int) -> list[int]:
        seen.append(history.num_events)
        return []

    assert price(HISTORIES, watched, watched, users=10).users == 10
    assert seen == [2] * 20


def test_what_cannot_be_priced_is_refused() -> None:
    with pytest.raises(InputError, match="nobody with 3 events"):
        price(Histories.of([[1], []]), follows, follows)
    with pytest.raises(InputError, match="users=0"):
        price(HISTORIES, follows, follows, users=0)
