from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from penchant.core.errors import ArtifactError
from penchant.items.live_vectors import LiveVectorSettings, from_bytes, moved, near, to_bytes

ROWS = arrays(np.float32, (3, 4), elements=st.floats(-100, 100, width=32))


def test_a_step_goes_towards_the_users_and_ends_at_the_ball() -> None:
    released = np.array([[2.0, 0.0]], np.float32)
    users = np.array([[0.0, 50.0]], np.float32)
    settings = LiveVectorSettings(rate=0.1, drift=0.5)
    once = moved(released, released, users, settings)
    assert once[0] == pytest.approx([1.8, 0.2]), "a tenth of the way to (0, 2)"
    many = released
    for _ in range(100):
        many = moved(many, released, users, settings)
    away = (many - released)[0]
    assert np.linalg.norm(away) == pytest.approx(1.0, rel=1e-3), "half of the released length"
    assert away[1] > 0.5
    back = many
    for _ in range(200):
        back = moved(back, released, released, settings)
    assert back == pytest.approx(released, abs=1e-3)


@given(st.lists(ROWS, min_size=1, max_size=8), ROWS, st.floats(0.01, 1), st.floats(0, 1))
def test_the_bound_holds_whatever_happens(steps: list[np.ndarray], released: np.ndarray, rate: float, drift: float) -> None:
    settings = LiveVectorSettings(rate=rate, drift=drift)
    vectors = released
    for users in steps:
        vectors = moved(vectors, released, users, settings)
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
