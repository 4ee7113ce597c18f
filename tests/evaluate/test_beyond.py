from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.popularity import HEAD, NEW, TAIL
from penchant.evaluate.beyond import Background, beyond, gini

N = 8


def gini_by_pairs(counts: list[int]) -> float:
    size, mean = len(counts), sum(counts) / len(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * size * size * mean) if mean else 0.0


def reference(lists: list[list[int]], k: int, train: list[list[int]], tiers: np.ndarray, vectors: np.ndarray) -> dict[str, float]:
    shown = [item for ranked in lists for item in ranked[:k] if item]
    values = {f"coverage@{k}": len(set(shown)) / N, f"gini@{k}": gini_by_pairs([shown.count(item) for item in range(1, N + 1)])}
    if shown:
        users = sum(bool(row) for row in train)
        share = {item: max(1, sum(item in row for row in train)) / max(users, 1) for item in set(shown)}
        values[f"novelty@{k}"] = sum(-math.log2(share[item]) for item in shown) / len(shown)
        values[f"tail_share@{k}"] = sum(tiers[item] in (TAIL, NEW) for item in shown) / len(shown)
    distances = []
    for ranked in lists:
        pairs = list(itertools.combinations([item for item in ranked[:k] if item], 2))
        if pairs:
            cosines = []
            for a, b in pairs:
                size = np.linalg.norm(vectors[a]) * np.linalg.norm(vectors[b])
                cosines.append(float(vectors[a] @ vectors[b]) / size if size else 0.0)
            distances.append(1 - sum(cosines) / len(cosines))
    if distances:
        values[f"intra_list_distance@{k}"] = sum(distances) / len(distances)
    return values


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[list[int]], int, list[list[int]], int]:
    places = draw(st.integers(1, 5))
    lists = [draw(st.lists(st.integers(1, N), unique=True, max_size=places)) for _ in range(draw(st.integers(1, 5)))]
    train = draw(st.lists(st.lists(st.integers(1, N), max_size=6), min_size=1, max_size=6))
    return [ranked + [0] * (places - len(ranked)) for ranked in lists], draw(st.integers(1, places)), train, draw(st.integers(0, 99))


@given(cases())
@settings(max_examples=150, deadline=None)
def test_every_measure_equals_its_definition(case: tuple[list[list[int]], int, list[list[int]], int]) -> None:
    lists, k, train, seed = case
    vectors = np.random.default_rng(seed).normal(size=(N + 1, 4)).round(1)
    vectors[3] = 0  # an item without a vector
    background = Background.of(Histories.of(train), N, vectors)
    found = beyond(np.array(lists, np.int32), k, background)
    wanted = reference(lists, k, train, background.tiers, vectors)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, abs=1e-5), name


def test_known_values() -> None:
    train = Histories.of([[1, 1, 2], [1], [1, 3], [1]])
    background = Background.of(train, 4, np.array([[9, 9], [1, 0], [2, 0], [0, 5], [-1, 0]]))
    assert background.num_users == 4
    assert background.holders.tolist() == [0, 4, 1, 1, 0]
    assert background.tiers[1] == HEAD
    assert background.tiers[4] == NEW
    found = beyond(np.array([[1, 2, 3], [1, 4, 0]]), 3, background)
    assert found["coverage@3"] == 1
    assert found["gini@3"] == pytest.approx(gini_by_pairs([2, 1, 1, 1]))
    assert found["novelty@3"] == pytest.approx((0 + 2 + 2 + 0 + 2) / 5)  # item 4, which nobody had, counts as had by one
    assert found["intra_list_distance@3"] == pytest.approx(((0 + 1 + 1) / 3 + 2) / 2)


def test_gini_goes_from_even_to_one_item() -> None:
    assert gini(np.full(5, 3)) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 7])) == pytest.approx(3 / 4)
    assert gini(np.zeros(3, int)) == 0


def test_only_what_can_be_said_is_said() -> None:
    train = Histories.of([[1], [2]])
    assert "intra_list_distance@1" not in beyond(np.array([[1]]), 1, Background.of(train, 3))
    assert beyond(np.array([[0, 0]]), 2, Background.of(train, 3, np.ones((4, 2)))) == {"coverage@2": 0.0, "gini@2": 0.0}


def test_wrong_shapes_are_refused() -> None:
    train = Histories.of([[1]])
    with pytest.raises(InputError, match="one row an item"):
        Background.of(train, 3, np.ones((3, 2)))
    with pytest.raises(InputError, match="k=2"):
        beyond(np.array([[1]]), 2, Background.of(train, 3))
