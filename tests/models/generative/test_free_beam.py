"""Free beams: as wide as all tuples they find what exhaustive scoring finds; narrow ones lose places to tuples without an item."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam import TrieTensors
from penchant.models.generative.decoding import Task
from penchant.models.generative.free_beam import Free

SIZES = (3, 4, 5)
#: 20 of the 60 tuples have an item.
CODES = torch.tensor([[0, 0, 0], *[[n // 20, n // 5 % 4, n % 5] for n in np.random.default_rng(0).permutation(60)[:20]]])
ROWS = 6


def scorer(seed: int = 0) -> tuple[list[Tensor], Tensor]:
    """Log-probabilities after each prefix, one table a level, and of all 20 items [B, N + 1]."""
    draw = torch.Generator().manual_seed(seed)
    tables = [torch.randn(ROWS, *SIZES[: level + 1], generator=draw).log_softmax(dim=-1) for level in range(3)]
    rows = torch.arange(ROWS)[:, None]
    a, b, c = CODES.unbind(dim=1)
    items = tables[0][rows, a] + tables[1][rows, a, b] + tables[2][rows, a, b, c]
    items[:, 0] = -torch.inf
    return tables, items


def level(tables: list[Tensor], chosen: Tensor) -> Tensor:
    rows = torch.arange(ROWS)[:, None]
    return (
        tables[chosen.shape[2]][(rows, *chosen.unbind(dim=-1))].expand(-1, chosen.shape[1], -1) if chosen.shape[2] else tables[0][:, None]
    )


def task(tables: list[Tensor], exclude: Histories | None = None, allowed: Tensor | None = None) -> Task:
    trie = TrieTensors(CodeTrie(CODES[1:].numpy()))
    return Task(trie, ROWS, lambda rows: lambda chosen: level(tables, chosen), exclude, allowed)


@pytest.mark.parametrize("allowed", [None, torch.arange(21) % 2 == 0])
@pytest.mark.parametrize("gone", [None, Histories.of([[1, 2, 3], [], [20], [], list(range(1, 21)), [7, 7]])])
def test_as_wide_as_all_tuples_it_is_exact(gone: Histories | None, allowed: Tensor | None) -> None:
    tables, exact = scorer()
    items, scores = Free(CODES, width=60)(task(tables, gone, allowed), 20)
    if allowed is not None:
        exact[:, ~allowed] = -torch.inf
    if gone is not None:
        exact[torch.from_numpy(gone.rows), torch.from_numpy(gone.items).long()] = -torch.inf
    best, order = exact.topk(20, dim=1)
    torch.testing.assert_close(scores, best)
    assert torch.equal(items, order.masked_fill(torch.isneginf(best), 0))


def test_a_narrow_beam_keeps_the_likeliest_prefixes_whether_or_not_they_lead_to_items() -> None:
    tables, exact = scorer()
    items, scores = Free(CODES, width=1)(task(tables), 2)  # a longer list widens the beam
    assert items.shape == (ROWS, 2) and (items == 0).any()
    found = items > 0
    torch.testing.assert_close(scores[found], exact.gather(1, items)[found])
    first = tables[0].topk(2, dim=1).indices
    assert all(int(CODES[item, 0]) in first[row].tolist() for row in range(ROWS) for item in items[row][found[row]])
    assert not (found[:, 1] & ~found[:, 0]).any()  # those that name an item come first


def test_too_many_tuples_to_number() -> None:
    with pytest.raises(InputError, match="tuples of codes"):
        Free(torch.full((2, 9), 255))
    with pytest.raises(InputError, match="width=0"):
        Free(CODES, width=0)
