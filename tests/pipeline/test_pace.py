from __future__ import annotations

from penchant.pipeline.pace import Pace
from tests.pipeline.test_breaker import Clock


def test_nine_of_ten_stay_below_what_is_expected() -> None:
    pace = Pace(clock=Clock())
    assert pace.expected() == 0.0
    for milliseconds in range(1, 21):
        pace.took(milliseconds)
    assert pace.expected() == 19


def test_a_few_samples_mean_nothing_and_old_ones_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(seconds=2.0, clock=clock)
    for _ in range(7):
        pace.took(5.0)
    assert pace.expected() == 0.0
    pace.took(5.0)
    assert pace.expected() == 5.0
    clock.now += 2.5
    assert pace.expected() == 0.0, "who was slow once is tried again"
