"""What a list was made from survives its record."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.contracts import TopK
from penchant.core.errors import ArtifactError
from penchant.data.histories import Histories
from penchant.pipeline.given import Given, Way
from penchant.pipeline.rules.kinds import Exclude, Rules
from penchant.pipeline.rules.terms import Where
from penchant.pipeline.steering import Ignored, Steering, Taste

RULES = Rules(rules=(Exclude(where=Where(categories=("a",))),))
STEERING = Steering(weights={"ease": 2.0}, tastes=(Taste(items=("i1",), strength=-0.5),), ignore=(Ignored(since=5),))
COLUMNS = ("items", "actions", "times", "domains")


def row(events: list[tuple[int, int, int, int]]) -> Histories:
    columns = [list(column) for column in zip(*events, strict=True)] or [[], [], [], []]
    return Histories.of([columns[0]], actions=[columns[1]], times=[columns[2]], domains=[columns[3]])


EVENT = st.tuples(st.integers(1, 2**31 - 1), st.integers(0, 12), st.integers(0, 2**40), st.integers(0, 2**15 - 1))


@given(
    known=st.lists(EVENT, max_size=8), more=st.lists(EVENT, max_size=5), cut=st.integers(0, 8), hidden=st.lists(st.integers(1, 2**31 - 1))
)
def test_it_is_told_and_read_again(
    known: list[tuple[int, int, int, int]], more: list[tuple[int, int, int, int]], cut: int, hidden: list[int]
) -> None:
    kept: dict[str, str] = {}

    def keep(content: str) -> str:
        kept[str(len(kept))] = content
        return str(len(kept) - 1)

    codes = np.array(hidden, np.int32)
    made = Given(row(known[:cut] + more), 7, False, codes, codes[:2], STEERING, "anna", 1_800_000_000, "seed", RULES)
    told = json.loads(json.dumps(made.plain(keep, row(known))))
    found = Given.parse(told, kept.__getitem__, row(known), "anna", "seed")
    for name in COLUMNS:
        assert np.array_equal(getattr(found.history, name), getattr(made.history, name))
        assert getattr(found.history, name).dtype == getattr(made.history, name).dtype
    assert np.array_equal(found.kept_out, made.kept_out)
    for name in ("k", "exclude_seen", "steering", "user_id", "now", "seed", "rules"):
        assert getattr(found, name) == getattr(made, name)
    assert found.rules.version == RULES.version


def test_of_a_known_row_only_the_rest_is_told() -> None:
    known = row([(item, 1, item, 0) for item in range(1, 1_001)])
    more = row([(item, 1, item, 0) for item in range(1, 1_003)])
    nothing = np.zeros(0, np.int32)
    told = Given(more, 7, True, nothing, nothing, Steering(), None, 0, "", Rules(rules=())).plain(lambda _: "", known)
    assert told["history"]["known"] == 1_000
    assert len(json.dumps(told)) < 400
    with pytest.raises(ArtifactError, match="pass the release of that time"):
        Given.parse(told, lambda _: RULES.text, row([]), None, "")


def test_a_way_is_told_and_read_again() -> None:
    lists = {"ease": TopK(np.array([[3, 1, 0]], np.int32), np.array([[0.1, 1e-9, -np.inf]], np.float32))}
    way = Way({"ease": 0.5}, None, "dense", lists, {"tandem": "late"})
    found = Way.parse(json.loads(json.dumps(way.plain())))
    assert np.array_equal(found.lists["ease"].items, lists["ease"].items)
    assert np.array_equal(found.lists["ease"].scores, lists["ease"].scores)
    assert (found.weights, found.model, found.rung, found.missing) == (way.weights, None, "dense", way.missing)
