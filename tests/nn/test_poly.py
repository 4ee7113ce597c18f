"""Poly-attention, against a slow loop."""

from __future__ import annotations

import torch

from penchant.nn.poly import PolyAttention


def slow(pool: PolyAttention, states: torch.Tensor) -> torch.Tensor:
    """[S, W] -> [C, W]."""
    rows = []
    for code in pool.codes:
        weights = torch.stack([code @ torch.tanh(pool.turn.weight @ z) for z in states]).softmax(dim=0)
        rows.append(torch.stack([weight * z for weight, z in zip(weights, states, strict=True)]).sum(dim=0))
    return torch.stack(rows)


def test_each_code_weighs_the_states_that_a_query_has() -> None:
    torch.manual_seed(0)
    pool, states, own = PolyAttention(4, 3), torch.randn(2, 5, 4), torch.randn(2, 2, 4)
    mask = torch.tensor([[[1, 0, 0, 0, 0], [1, 0, 1, 1, 0]], [[0, 1, 1, 0, 0], [1, 1, 1, 1, 1]]], dtype=torch.bool)
    alone, found = pool(states, mask), pool(states, mask, own)
    assert alone.shape == found.shape == (2, 2, 3, 4)
    for row in range(2):
        for query in range(2):
            seen = states[row, mask[row, query]]
            torch.testing.assert_close(alone[row, query], slow(pool, seen))
            torch.testing.assert_close(found[row, query], slow(pool, torch.cat([seen, own[row, query, None]])))


def test_a_query_may_have_nothing_but_its_own() -> None:
    pool, own = PolyAttention(4, 2), torch.randn(1, 1, 4)
    found = pool(torch.randn(1, 3, 4), torch.zeros(1, 1, 3, dtype=torch.bool), own)
    torch.testing.assert_close(found, own[:, :, None].expand(-1, -1, 2, -1))
