"""Moments in the time of a data set."""

from __future__ import annotations

import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.recipes.language.windows import day_at

DAY = 86_400


def test_a_share_of_the_days_has_passed() -> None:
    year = Histories.of([[1, 2]], times=[[17_167 * DAY + 5, 17_531 * DAY + 5]])  # 2017
    assert day_at(year, 0.75) == 17_167 + 273  # the first of October
    assert day_at(year, 5 / 6) == 17_167 + 304  # the first of November


def test_events_without_times_are_refused() -> None:
    with pytest.raises(InputError, match="give them times"):
        day_at(Histories.of([[1]]), 0.5)
    with pytest.raises(InputError, match="share=1"):
        day_at(Histories.of([[1]], times=[[5]]), 1)
