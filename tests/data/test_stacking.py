from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.stacking import stacked

ROWS = st.lists(st.lists(st.integers(1, 9), max_size=4), min_size=1, max_size=4)


@given(parts=st.lists(ROWS, min_size=1, max_size=4))
def test_rows_follow_each_other(parts: list[list[list[int]]]) -> None:
    whole = stacked([Histories.of(rows, users=range(len(rows))) for rows in parts])
    rows = [row for part in parts for row in part]
    assert [whole.row(index).tolist() for index in range(len(whole))] == rows
    assert whole.users.tolist() == [user for part in parts for user in range(len(part))]
    assert whole.offsets.dtype == np.int64


def test_times_count_only_where_all_have_them() -> None:
    timed, untimed = Histories.of([[1]], times=[[5]]), Histories.of([[2]])
    assert stacked([timed, timed]).timed
    assert not stacked([timed, untimed]).timed
    with pytest.raises(InputError, match="no parts"):
        stacked([])
