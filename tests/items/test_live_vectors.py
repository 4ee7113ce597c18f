from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from penchant.core.errors import ArtifactError
from penchant.items.live_vectors import LiveVectorSettings, chances, from_bytes, moved, near, to_bytes

ROWS = arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))


def test_an_item_is_drawn_to_who_takes_it_unexpectedly_and_ends_at_the_ball() -> None:
    released = np.array([[2.0, 0.0], [0.0, 3.0]], np.float32)
    users = np.array([[0.0, 50.0], [5.0, 0.0]], np.float32)
    settings = LiveVectorSettings(rate=0.1, drift=0.5)
    taken, expected = np.array([0, -1]), np.array([[0.25, 0.0], [0.5, 0.0]], np.float32)
    once = moved(released, released, users, taken, expected, settings)
    assert once[0] == pytest.approx([2.0 - 0.1 * 2 * 0.5, 0.1 * 2 * 0.75]), "to who took it, and away from who did not"
    assert once[1].tolist() == released[1].tolist(), "nothing was expected of it, and nothing happened"
    many = released
    for _ in range(100):
        many = moved(many, released, users, taken, expected, settings)
    assert np.linalg.norm((many - released)[0]) == pytest.approx(1.0, rel=1e-3), "half of the released length"
    assert moved(released, released, users, np.array([0, 0]), np.array([[1.0, 0], [1.0, 0]]), settings) == pytest.approx(released)


def test_chances_are_those_of_a_softmax_over_all_items() -> None:
    random = np.random.default_rng(0)
    items, users = random.normal(size=(50, 4)).astype(np.float32), 200 * random.normal(size=(6, 4)).astype(np.float32)
    logits = (users @ items.T).astype(np.float64)
    whole = np.exp(logits - logits.max(axis=1, keepdims=True))
    whole /= whole.sum(axis=1, keepdims=True)
    assert chances(users, items[:7], items[7:]) == pytest.approx(whole[:, :7], rel=1e-4, abs=1e-6)
    assert chances(users, items, items[:0]).sum(axis=1) == pytest.approx(np.ones(6))
    users /= 200
    logits = np.exp((users @ items.T).astype(np.float64))
    twice = logits[:, :7].sum(axis=1) + 2 * logits[:, 7:].sum(axis=1)
    assert chances(users, items[:7], items[7:], 2.0) == pytest.approx(logits[:, :7] / twice[:, None], rel=1e-4)


@given(st.lists(ROWS, min_size=1, max_size=8), ROWS, st.floats(0.01, 1), st.floats(0, 1))
def test_the_bound_holds_whatever_happens(steps: list[np.ndarray], released: np.ndarray, rate: float, drift: float) -> None:
    settings = LiveVectorSettings(rate=rate, drift=drift)
    vectors = released
    for users in steps:
        vectors = moved(vectors, released, users, np.array([0, 2, -1]), np.full((3, 3), 0.3, np.float32), settings)
        allowed = drift * np.linalg.norm(released, axis=1)
        assert (np.linalg.norm(vectors - released, axis=1) <= allowed + 1e-4 * (1 + np.linalg.norm(released, axis=1))).all()
        assert np.isfinite(vectors).all()
    assert near(vectors, released, drift) == pytest.approx(vectors, abs=1e-3)


def test_what_is_stored_comes_back_and_nothing_else() -> None:
    vectors = {"a": np.array([1.0, -0.5], np.float32), "ü:1": np.array([0.25, 8.0], np.float32)}
    found = from_bytes(to_bytes(vectors))
    assert {name: row.tolist() for name, row in found.items()} == {"a": [1.0, -0.5], "ü:1": [0.25, 8.0]}
    assert from_bytes(to_bytes({})) == {}
    stored = to_bytes(vectors)
    for spoilt in (b"", stored[:-1], stored[:20] + b"x" + stored[21:]):
        with pytest.raises(ArtifactError, match="damaged"):
            from_bytes(spoilt)
