"""Rows are sets of items, each user once an epoch."""

from __future__ import annotations

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.rows import RowBatches, as_rows

ROWS = Histories.of([[2, 5, 2], [], [6, 1]])


def test_repeats_count_once_and_empty_rows_stay() -> None:
    batch = as_rows(ROWS).to("cpu")
    assert (len(batch), batch.num_targets) == (3, 4)
    assert batch.rows.tolist() == [0, 0, 2, 2]
    assert batch.items.tolist() == [2, 5, 1, 6]
    assert batch.offsets.tolist() == [0, 2, 2]
    assert as_rows(ROWS.take(np.array([1]))).num_targets == 0


def test_an_epoch_holds_each_row_with_items_once() -> None:
    batches = RowBatches(ROWS, size=1, seed=3)
    assert sorted(int(rows[0]) for rows in batches.plan(0)) == [0, 2]
    assert batches.batch(np.array([2])).items.tolist() == [1, 6]
    with pytest.raises(InputError, match="size=0"):
        RowBatches(ROWS, size=0)
