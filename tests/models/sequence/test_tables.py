from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.core.seeds import seed_everything
from penchant.data.histories import Histories
from penchant.models.sequence.sasrec import SASRecSettings
from penchant.models.sequence.tables import ContentTable, MadeTable, PieceTable, TabledSASRec

PIECES = np.array([[7, 7], [0, 3], [0, -1], [2, 3], [-1, -1]], np.int32)
HEADS = np.array([False, True, False, False, True])
SHAPE = SASRecSettings(width=8, layers=1, max_len=5, dropout=0.0)


def piece_table() -> PieceTable:
    return PieceTable(PIECES, 8, 8, heads=HEADS)


def test_pieces_and_own_rows_add_up() -> None:
    table = piece_table()
    rows, own = table.table.weight, table.own.weight
    slow = torch.stack([own[0], own[1] + rows[0] + rows[3], rows[0], rows[2] + rows[3], own[2]])
    torch.testing.assert_close(table.weight, slow)
    items = torch.tensor([[1, 0], [4, 3]])
    torch.testing.assert_close(table(items), slow[items])


def test_an_item_without_pieces_moves_nobody_elses_rows() -> None:
    table = piece_table()
    table(torch.tensor([4])).sum().backward()
    assert table.table.weight.grad is not None and table.own.weight.grad is not None
    assert not table.table.weight.grad.any()
    assert table.own.weight.grad.any(dim=1).tolist() == [False, False, True]


def test_content_is_projected_but_for_the_start_token() -> None:
    vectors = np.eye(5, 6, dtype=np.float32)
    table = ContentTable(vectors, 8)
    torch.testing.assert_close(table.weight[1:], table.project.weight.T[1:5])
    torch.testing.assert_close(table.weight[:1], table.start.weight)


@pytest.mark.parametrize("table", [piece_table(), ContentTable(np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32), 8)])
def test_a_network_over_a_table_ranks_as_before_once_it_is_loaded(table: MadeTable, tmp_path: Path) -> None:
    seed_everything(0)
    model = TabledSASRec(table, SHAPE).eval()
    model.save(tmp_path / "model")
    histories = Histories.of([[1, 2], [], [4]])
    before, after = model.recommend(histories, 3), TabledSASRec.load(tmp_path / "model").recommend(histories, 3)
    assert before.items.tolist() == after.items.tolist()
    np.testing.assert_allclose(before.scores, after.scores, rtol=1e-4, atol=1e-6)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"rows=7.*there is a piece 7"):
        PieceTable(PIECES, 7, 8)
    with pytest.raises(InputError, match=r"4 tiers.*there are 4 items and padding"):
        PieceTable(PIECES, 8, 8, heads=HEADS[1:])
