from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from penchant.core.errors import InputError
from penchant.items.collisions import unique_codes


def test_unique_codes_ranks_duplicates_in_row_order() -> None:
    codes = np.array([[1, 2], [1, 3], [1, 2], [0, 0], [1, 2]], np.int32)
    assert unique_codes(codes).tolist() == [[1, 2, 0], [1, 3, 0], [1, 2, 1], [0, 0, 0], [1, 2, 2]]
    assert unique_codes(codes).dtype == np.int32
    assert unique_codes(np.empty((0, 2), np.int32)).shape == (0, 3)


def test_new_rows_never_take_a_published_rank_even_after_a_gap() -> None:
    taken = np.array([[1, 2, 0], [1, 2, 5]], np.int32)  # ranks 1..4 belonged to items removed since
    assert unique_codes(np.array([[1, 2], [1, 3], [1, 2]], np.int32), taken=taken).tolist() == [[1, 2, 6], [1, 3, 0], [1, 2, 7]]


def test_unique_codes_refuses_other_shapes() -> None:
    with pytest.raises(InputError):
        unique_codes(np.zeros((2, 3), np.int32), taken=np.zeros((2, 3), np.int32))
    with pytest.raises(InputError):
        unique_codes(np.zeros(3, np.int32))


@settings(deadline=None, max_examples=80)
@given(hnp.arrays(np.int32, st.tuples(st.integers(0, 30), st.integers(1, 3)), elements=st.integers(0, 2)), st.integers(0, 30))
def test_appending_rows_is_the_same_as_having_had_them(codes: np.ndarray, cut: int) -> None:
    whole = unique_codes(codes)
    assert len(np.unique(whole, axis=0)) == len(codes)
    assert np.array_equal(whole[:, :-1], codes)
    first = unique_codes(codes[:cut])
    assert np.array_equal(np.concatenate([first, unique_codes(codes[cut:], taken=first)]), whole)
