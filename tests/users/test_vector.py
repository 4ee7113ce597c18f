from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import ArtifactError, InputError
from penchant.users.vector import UserVector

VECTOR = UserVector(np.array([0.5, -1.25, 3.0], np.float32), events=7, newest=1_700_000_000, made=1_700_000_100.5, seen=42)


def test_what_is_stored_comes_back_in_36_bytes_and_two_a_number() -> None:
    stored = VECTOR.to_bytes()
    assert len(stored) == 36 + 2 * 3
    found = UserVector.from_bytes(stored)
    assert found.values.dtype == np.float32
    assert found.values.tolist() == [0.5, -1.25, 3.0], "numbers of few bits lose nothing"
    assert (found.events, found.newest, found.made, found.seen) == (7, 1_700_000_000, 1_700_000_100.5, 42)


@given(st.lists(st.floats(-60_000, 60_000, width=32), max_size=40), st.integers(-1, 2**40), st.integers(0, 2**63))
def test_half_precision_loses_one_part_in_two_thousand(values: list[float], newest: int, seen: int) -> None:
    found = UserVector.from_bytes(UserVector(np.array(values, np.float32), len(values), newest, 1.0, seen).to_bytes())
    np.testing.assert_allclose(found.values, np.array(values, np.float32), rtol=2**-11, atol=2**-24)
    assert (found.newest, found.seen) == (newest, seen)


@given(st.integers(0, 41), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(place: int, change: int) -> None:
    spoilt = bytearray(VECTOR.to_bytes())
    spoilt[place] ^= change
    with pytest.raises(ArtifactError, match="damaged"):
        UserVector.from_bytes(bytes(spoilt))


@pytest.mark.parametrize("stored", [b"", b"PCV1", b"PCV1" + bytes(20)])
def test_what_is_too_short_is_told(stored: bytes) -> None:
    with pytest.raises(ArtifactError, match=f"{len(stored)} bytes"):
        UserVector.from_bytes(stored)


@pytest.mark.parametrize("value", [np.nan, np.inf, 70_000.0])
def test_what_cannot_be_stored_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="NaN or infinity"):
        UserVector(np.array([1.0, value], np.float32), 1, 1, 1.0, 1).to_bytes()
