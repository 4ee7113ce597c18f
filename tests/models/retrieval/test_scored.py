"""Items with one vector have one score, whatever the batch and the column."""

from __future__ import annotations

import torch

from penchant.models.retrieval.scored import inner_products


def test_twins_score_the_same_in_any_batch() -> None:
    torch.manual_seed(0)
    items, queries = torch.randn(27, 33), torch.randn(9, 33)
    items[[3, 24, 26]] = items[11].clone()
    together = inner_products(queries, items)
    torch.testing.assert_close(together[:, 1:], (queries @ items.T)[:, 1:], rtol=1e-4, atol=1e-5)
    assert torch.isneginf(together[:, 0]).all()
    for row in range(9):
        alone = inner_products(queries[[row]], items)
        assert alone[0, [3, 24, 26]].tolist() == [float(together[row, 11])] * 3
