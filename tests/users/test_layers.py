from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import SettingsError
from penchant.users.layers import Layer, LayerSettings, merged, weights

SETTINGS = LayerSettings(halfway=5.0, half_life=100.0)
EAST, NORTH = np.array([2.0, 0.0], np.float32), np.array([0.0, 9.0], np.float32)
LAYERS = st.one_of(st.none(), st.builds(Layer, st.just(EAST), st.integers(0, 10_000), st.integers(-1, 10**10)))


def test_known_answers() -> None:
    """n / (n + 5) of 5, 15 and 45 events are 1/2, 3/4 and 9/10; an age of one half-life halves."""
    assert weights([Layer(EAST, 5, 1_000), Layer(NORTH, 5, 1_000)], SETTINGS) == [0.5, 0.5]
    assert weights([Layer(EAST, 15, 900), Layer(NORTH, 5, 1_000)], SETTINGS) == pytest.approx([3 / 7, 4 / 7])
    assert weights([Layer(EAST, 45, -1), Layer(NORTH, 5, 1_000)], SETTINGS) == pytest.approx([9 / 14, 5 / 14])
    assert weights([Layer(EAST, 5, 1_000, 0.25), Layer(NORTH, 5, 1_000)], SETTINGS) == pytest.approx([0.2, 0.8])
    vector = merged([Layer(EAST, 15, 900), Layer(NORTH, 5, 1_000)], SETTINGS)
    assert vector == pytest.approx([3 / 7, 4 / 7]), "lengths say nothing"


def test_either_side_may_be_missing() -> None:
    old = Layer(EAST, 3, 0, 0.1)
    for layers in ([old, None], [None, old], [old, Layer(NORTH, 0, 10**9)]):
        assert merged(layers, SETTINGS) == pytest.approx([1.0, 0.0]), "alone it counts fully, however old and however made"
    assert merged([None, None]) is None
    assert merged([Layer(EAST, 0, 5), None]) is None
    assert merged([]) is None
    assert merged([Layer(np.zeros(2, np.float32), 3, 0)]) == pytest.approx([0.0, 0.0])


@given(st.lists(LAYERS, max_size=3))
def test_shares_are_whole_or_nothing(layers: list[Layer | None]) -> None:
    found = weights(layers, SETTINGS)
    knows = [layer is not None and layer.events > 0 for layer in layers]
    assert sum(found) == pytest.approx(1.0 if any(knows) else 0.0)
    assert all(share == 0 or known for share, known in zip(found, knows, strict=True))
    moved = [layer and Layer(layer.vector, layer.events, layer.newest + 77 if layer.newest >= 0 else -1) for layer in layers]
    assert weights(moved, SETTINGS) == pytest.approx(found), "only differences of ages matter"


@given(st.integers(1, 1_000), st.integers(0, 10**6), st.integers(1, 1_000), st.integers(1, 10**6))
def test_newer_and_more_count_more(events: int, newest: int, more: int, later: int) -> None:
    other = Layer(NORTH, 10, 500)
    base = weights([Layer(EAST, events, newest), other], SETTINGS)[0]
    assert weights([Layer(EAST, events + more, newest), other], SETTINGS)[0] >= base
    assert weights([Layer(EAST, events, newest + later), other], SETTINGS)[0] >= base


def test_settings_have_rules() -> None:
    with pytest.raises(SettingsError):
        LayerSettings(half_life=0)
