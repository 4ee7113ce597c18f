"""The fast table of unit item vectors against the plain one, in value and gradients."""

import copy

import numpy as np
import pytest
import torch

from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.generative.tandem import Tandem, TandemSettings
from penchant.models.generative.tokens import ItemTokens, NormalisedTable
from penchant.models.generative.unit_rows import UnitRows

ITEMS, WIDTH = 40, 16
PARTS = ("with_ids", "with_codes", "with_vectors")


def tokens(**read: bool) -> ItemTokens:
    rng = np.random.default_rng(3)
    codes = np.concatenate([np.full((1, 3), -1, np.int32), rng.integers(0, 5, (ITEMS, 3)).astype(np.int32)])
    vectors = torch.from_numpy(rng.standard_normal((ITEMS + 1, 8)).astype(np.float32))
    counts = torch.from_numpy(rng.integers(0, 9, ITEMS + 1).astype(np.float32))
    return ItemTokens(codes, vectors, counts, width=WIDTH, **read)


def learnt(table: NormalisedTable, weight: torch.Tensor) -> dict[str, torch.Tensor]:
    table.tokens.zero_grad()
    (table.all()[1:] * weight).sum().backward()
    return {name: part.grad for name, part in table.tokens.named_parameters() if part.grad is not None}


@pytest.mark.parametrize("read", [("with_ids",), ("with_codes",), ("with_vectors",), PARTS, PARTS[:2], PARTS[1:]])
def test_values_and_gradients_equal_the_plain_table(read: tuple[str, ...]) -> None:
    item_tokens = tokens(**{part: part in read for part in PARTS})
    rows = torch.tensor([0, 3, 1, 40, 17, 22, 8])
    plain, fast = NormalisedTable(item_tokens, rows), NormalisedTable(item_tokens, rows, fast=UnitRows(item_tokens, rows))
    torch.testing.assert_close(fast.all()[1:], plain.all()[1:])
    weight = torch.randn(len(rows) - 1, WIDTH, generator=torch.Generator().manual_seed(1))
    expected, found = learnt(plain, weight), learnt(fast, weight)
    for name in found:
        torch.testing.assert_close(found[name], expected[name])
    assert set(expected) - set(found) <= {"start"}  # the token of row 0, of no consequence to the others
    assert "start" not in expected or not expected["start"].any()


def test_tandem_learns_the_same_with_either_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    codes = np.concatenate(
        [np.full((1, 2), -1, np.int32), np.stack([np.arange(ITEMS) // 8, np.arange(ITEMS) % 8], axis=1).astype(np.int32)]
    )
    vectors = rng.standard_normal((ITEMS + 1, 8)).astype(np.float32)
    counts = rng.integers(0, 3, ITEMS + 1)  # some were never seen
    fast = Tandem(codes, vectors, counts, TandemSettings(width=WIDTH, heads=2, dropout=0.0, max_len=6)).train()
    plain = copy.deepcopy(fast)
    monkeypatch.setattr(plain, "_ranked_table", lambda: NormalisedTable(plain.tokens, plain.ranked))
    batch = collate(Histories.of([[1, 2, 3], [4, 5], [6, 7, 8, 9]]))
    for model in (fast, plain):
        model.loss(batch).total.backward()
    for (name, a), (_, b) in zip(fast.named_parameters(), plain.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, msg=name, rtol=1e-4, atol=1e-6)


def test_a_table_follows_weights() -> None:
    item_tokens = tokens()
    rows = torch.arange(ITEMS + 1)
    table = UnitRows(item_tokens, rows)
    before = table().detach().clone()
    with torch.no_grad():
        item_tokens.project.weight.add_(1.0)  # type: ignore[union-attr]
    assert not torch.allclose(before, table())
