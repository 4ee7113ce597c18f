"""Windows with descriptions: each stays with its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.batches import TrainingBatches
from penchant.data.described import DescribedBatches
from penchant.data.histories import Histories

HISTORIES = Histories.of([[1, 2, 3], [4, 5], [6, 7, 8, 9]], users=[1, 2, 3])


def test_rows_keep_their_descriptions() -> None:
    plain = TrainingBatches(HISTORIES, max_len=8, tokens=8)
    batches = DescribedBatches(plain, plain.windows.users[:, None].astype(np.float64))
    seen = set()
    for rows in batches.plan(0):
        batch = batches.batch(rows).to("cpu")
        assert batch.vectors[:, 0].tolist() == batch.batch.users.tolist()
        assert batch.vectors.dtype == torch.float32
        assert batch.num_targets == batch.batch.num_targets
        seen |= set(batch.kinds.tolist())
    assert seen == {0, 1, 2}


def test_another_number_of_descriptions_is_refused() -> None:
    with pytest.raises(InputError, match="2 vectors, 2 kinds: there are 3 windows"):
        DescribedBatches(TrainingBatches(HISTORIES, max_len=8, tokens=8), np.zeros((2, 4)))
