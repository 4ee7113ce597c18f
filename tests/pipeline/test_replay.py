"""Lists made again over the same and another catalogue, and what differs."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from penchant.contracts import TopK
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.pipeline.calls import LATE
from penchant.pipeline.difference import shifts
from penchant.pipeline.given import Given, Way
from penchant.pipeline.merge import merge
from penchant.pipeline.reasons import Reason
from penchant.pipeline.recommender import Recommendation, Suggestion
from penchant.pipeline.replay import OTHER, RECORDED, ROUNDED, SAME, Recorded, Then, alike, carried
from penchant.pipeline.rules.kinds import Rules
from penchant.pipeline.steering import Steering

NOTHING = np.zeros(0, np.int32)


def catalog(*ids: str) -> Catalog:
    return Catalog(pl.DataFrame({"item_id": list(ids)}))


def top(*items: int, scores: tuple[float, ...] | None = None) -> TopK:
    given = scores or tuple(1.0 / (place + 1) for place in range(len(items)))
    return TopK(np.array([items], np.int32), np.array([given], np.float32))


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (top(1, 2), top(1, 2), SAME),
        (top(1, 2), top(1, 2, 0, scores=(1.0, 0.5, -np.inf)), SAME),
        (top(1, 2), top(1, 2, scores=(1.000001, 0.5)), ROUNDED),
        (top(1, 2, scores=(0.5, 0.5)), top(2, 1, scores=(0.5000001, 0.5)), ROUNDED),
        (top(1, 2), top(2, 1), OTHER),
        (top(1, 2), top(1, 3), OTHER),
        (top(1, 2), top(1), OTHER),
        (top(1, 2), top(1, 2, scores=(1.1, 0.5)), OTHER),
    ],
)
def test_lists_are_alike_up_to_rounding(then: TopK, now: TopK, said: str) -> None:
    assert alike(then, now) == said


def test_who_was_missing_is_missing_again_and_a_moment_counts_as_recorded() -> None:
    way = Way({}, None, "dense", {"a": top(1, 2), "live": top(5)}, {"late": LATE})
    calls = Then(way, {"a": Recorded(top(3, 4)), "live": Recorded(top(5)), "late": Recorded(top(9))})
    answered = calls.call(["a", "live", "late", "unknown"], Histories.of([[1]]), 2, Histories.of([[]]))
    assert list(answered.lists) == ["a", "live"]
    assert answered.missing["late"] == LATE and "unknown" in answered.missing
    assert calls.generators == {"a": RECORDED, "live": RECORDED}


def test_what_is_carried_to_another_catalogue() -> None:
    old, new = catalog("a", "b", "c", "d"), catalog("d", "x", "a", "b")
    given = Given(Histories.of([[1, 3, 4]]), 5, True, np.array([2, 3], np.int32), NOTHING, Steering(), None, 0, "", Rules(rules=()))
    way = Way({}, None, "dense", {"live": top(3, 2)}, {})
    found, (moved,), unknown = carried(given, [way], old, new)
    assert new.items.decode(found.history.items) == ["a", "d"]
    assert new.items.decode(found.hidden) == ["b"]
    assert new.items.decode(moved.lists["live"].items[0]) == ["b"]
    assert unknown == 2, "c of the history, and c of what is hidden"


def made(items: list[int], lists: dict[str, TopK], of: Catalog, kept_out: tuple[int, ...] = ()) -> Recommendation:
    mask = np.zeros(len(of) + 1, bool)
    mask[list(kept_out)] = True
    places = tuple(Suggestion(item, of.items.decode([item])[0], 1.0, (), Reason("", "none")) for item in items)
    return Recommendation(places, 1, "dense", tuple(lists), {}, lists=lists, merged=merge(lists, {}), kept_out=mask)


def test_each_shift_has_its_reason() -> None:
    old, new = catalog("a", "b", "c", "d"), catalog("a", "b", "d", "e")
    before = made([1, 2, 3, 4], {"one": top(1, 2, 3, 4), "gone": top(4)}, old)
    after = made([1, 4, 3], {"one": top(1, 4, 3)}, new, kept_out=(2,))
    found = {shift.item_id: (shift.before, shift.after, shift.why) for shift in shifts(before, after, old, new)}
    assert "a" not in found, "it stands where it stood"
    assert found["b"][:2] == (2, None) and "must not be shown in the second" in found["b"][2]
    assert found["c"] == (3, None, "not in the second catalogue")
    assert found["d"][:2] == (4, 3) and found["d"][2].startswith("gone took no part in the second")
    assert found["e"] == (None, 2, "not in the first catalogue")


def test_what_a_generator_changed_is_told() -> None:
    items = catalog("a", "b", "c")
    found = shifts(made([1, 2], {"g": top(1, 2)}, items), made([3, 1, 2], {"g": top(3, 1, 2)}, items), items, items)
    assert [(one.item_id, one.before, one.after) for one in found] == [("a", 1, 2), ("b", 2, 3), ("c", None, 1)]
    assert found[2].why == "g: not named, then place 1"
