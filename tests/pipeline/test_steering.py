"""Steering in the library: what is ignored never happened, and wishes move what they mean."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError, SettingsError
from penchant.data.histories import Histories
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.steering import MOST_WEIGHT, REACH, Ignored, Leaning, Steering, Taste
from tests.pipeline.test_policy import GOODS, NOBODY, NOW, N, choose, policy
from tests.pipeline.test_recommender import system

DAY = 86_400


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_the_readings_of_three_days_ago() -> None:
    now = seconds("2017-12-24T15:30:00")
    assert Ignored.day(3, now) == Ignored(since=seconds("2017-12-21"), until=seconds("2017-12-22"))
    assert Ignored.day(0, now) == Ignored(since=seconds("2017-12-24"), until=seconds("2017-12-25"))
    assert Ignored.older(3, now) == Ignored(until=seconds("2017-12-21T15:30:00"))
    # At 15:30 UTC it is already the 25th in Auckland (13 hours ahead), whose 22nd begins at 11:00 UTC on the 21st.
    assert Ignored.day(3, now, offset_minutes=780) == Ignored(since=seconds("2017-12-21T11:00:00"), until=seconds("2017-12-22T11:00:00"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), max_size=12), st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)), max_size=3))
def test_the_mask_is_the_events_outside_of_all_spans(times: list[int], spans: list[tuple[int, int]]) -> None:
    history = Histories.of([list(range(1, len(times) + 1))], times=[times])
    edited = Steering(ignore=tuple(Ignored(since=start, until=start + length) for start, length in spans)).edited(history)
    kept = [not any(start <= time < start + length for start, length in spans) for time in times]
    assert edited.items.tolist() == [item for item, keep in zip(range(1, len(times) + 1), kept, strict=True) if keep]
    assert len(edited) == 1


def test_the_list_is_exactly_that_of_the_edited_history() -> None:
    items, times = [25, 7, 3, 9, 14], [10, 20, 30, 40, 50]
    for since, until in ((20, 30), (None, 30), (30, None), (0, 99)):
        steering = Steering(ignore=(Ignored(since=since, until=until),))
        kept = [place for place, time in enumerate(times) if not ((since or 0) <= time < (until or 1_000))]
        edited = Histories.of([[items[place] for place in kept]], times=[[times[place] for place in kept]])
        steered = system().recommend(history=Histories.of([items], times=[times]), k=8, steering=steering)
        plain = system().recommend(history=edited, k=8)
        assert steered.suggestions == plain.suggestions, "items, scores, sources and reasons"
        assert (steered.history_length, steered.ignored) == (len(kept), 5 - len(kept))
        for model in ("ease", "sasrec"):
            one = system().recommend(history=Histories.of([items], times=[times]), k=8, steering=steering, model=model)
            assert one.suggestions == system().recommend(history=edited, k=8, model=model).suggestions


def test_without_times_nothing_can_be_ignored_by_them() -> None:
    steering = Steering(ignore=(Ignored(until=5),))
    with pytest.raises(InputError, match="ignore: the events of this history have no times"):
        system().recommend(["i1"], k=3, steering=steering)
    assert system().recommend([], k=3, steering=steering).history_length == 0
    with pytest.raises(SettingsError, match="give since, until or both"):
        Ignored()


def test_steering_adds_up_and_is_kept_as_json() -> None:
    one = Steering(weights={"a": 2.0, "b": 0.0}, tastes=(Taste(items=("i1",), strength=0.5),))
    both = one + Steering(weights={"a": 3.0}, ignore=(Ignored(since=1),))
    assert both.weights == {"a": 6.0, "b": 0.0} and len(both.tastes) == len(both.ignore) == 1
    assert Steering.of(both.plain()) == both
    assert (Steering(weights={"a": 1e5}) + Steering(weights={"a": 1e5})).weights == {"a": MOST_WEIGHT}


def test_a_taste_multiplies_by_likeness() -> None:
    items = np.arange(1, N + 1, dtype=np.int32)
    lamps = Leaning(GOODS, Taste(categories=("Lamps",), strength=0.5))
    assert lamps.factors(Asked(NOBODY, 3, NOW), items).tolist() == pytest.approx([1, REACH**0.5] * 12)
    like = Leaning(GOODS, Taste(items=("i3",), brands=("Acme",), strength=-1.0))
    cosines = np.maximum(GOODS.unit(items) @ GOODS.unit(np.array([3]))[0], 0)
    expected = [1 / REACH if item % 3 == 0 else REACH ** -min(float(cosine), 1.0) for item, cosine in zip(items, cosines, strict=True)]
    assert like.factors(Asked(NOBODY, 3, NOW), items) == pytest.approx(expected, rel=1e-4)
    assert like.inject(Asked(NOBODY, 3, NOW), np.zeros(N + 1, bool)).tolist() == [], "less of something brings nothing in"


def test_what_is_wanted_is_brought_in_but_never_what_is_barred() -> None:
    request = Asked(NOBODY, 4, NOW)
    tea, barred = np.arange(1, N + 1, 2, dtype=np.int32), np.zeros(N + 1, bool)
    barred[[2, 4]] = True
    scores = np.linspace(1, 0.5, len(tea)).astype(np.float32)
    wish = Leaning(GOODS, Taste(categories=("Lamps",), strength=1))
    assert policy().choose(request, tea, scores, barred, [wish]).shown.items.tolist() == [6, 8, 10, 12]
    near = Leaning(GOODS, Taste(items=("i2",), strength=1)).inject(request, barred)
    assert set(near.tolist()) <= set(range(6, N + 1, 2)), "the same narrowest category"
    assert choose(policy(), tea, k=2).shown.items.tolist() == [1, 3]


def test_names_that_the_catalogue_does_not_have_are_told_and_mean_nothing() -> None:
    steering = Steering(tastes=(Taste(items=("i1", "x"), categories=("Tea", "y"), brands=("z",), strength=1),))
    assert steering.unknown(GOODS) == ["items: x", "categories: y", "brands: z"]
    nothing = Leaning(GOODS, Taste(brands=("z",), strength=1))
    assert nothing.factors(Asked(NOBODY, 3, NOW), np.array([1, 2], np.int32)).tolist() == [1, 1]
