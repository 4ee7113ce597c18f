"""Long rows are thinned, short ones let be, and every step keeps its own target."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.batches import Batch, collate
from penchant.data.histories import Histories
from penchant.data.stochastic_length import stochastic_length


def batch(*lengths: int) -> Batch:
    return collate(Histories.of([np.arange(1, length + 1) for length in lengths]))


def test_steps_keep_their_targets_and_their_order() -> None:
    torch.manual_seed(0)
    for _ in range(20):
        thin = stochastic_length(batch(100, 90, 5), 1.5, 100)
        for row, length in enumerate(thin.lengths.tolist()):
            items, targets = thin.items[row, :length], thin.targets[row, :length]
            assert targets.equal(items + 1)
            assert (items.diff() > 0).all()
            assert not thin.items[row, length:].any()
            assert not thin.targets[row, length:].any()
        assert thin.items[2, :5].equal(torch.arange(5))
        assert [int(row.max()) for row in thin.targets] == [100, 90, 5]


def test_share_of_full_rows_and_length_of_others_follow_the_paper() -> None:
    torch.manual_seed(0)
    lengths = torch.stack([stochastic_length(batch(100), 1.6, 100).lengths for _ in range(1000)])
    assert set(lengths.flatten().tolist()) == {round(100**0.8), 100}
    assert (lengths == 100).float().mean().item() == pytest.approx(100**1.6 / 100**2, abs=0.03)


def test_recent_steps_stay_more_often() -> None:
    torch.manual_seed(0)
    kept = torch.cat([stochastic_length(batch(100), 1.2, 100).items.flatten() for _ in range(300)])
    assert (kept >= 50).sum() > 1.5 * (kept < 50).sum()


def test_alpha_two_changes_nothing() -> None:
    given = batch(20, 7)
    assert stochastic_length(given, 2.0, 20) is given
    with pytest.raises(InputError, match=r"alpha=1\.0: .*; pass 1<alpha<=2"):
        stochastic_length(given, 1.0, 20)
