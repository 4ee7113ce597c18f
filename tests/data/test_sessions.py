"""Sessions end at pauses and at a length."""

from __future__ import annotations

import torch

from penchant.data.sessions import DAY, session_ids


def test_pauses_and_length_cut() -> None:
    hours = torch.tensor([[0, 1, 2, 3, 4, 100, 101, 300]]) * 3600 + 1
    assert session_ids(hours, gap=DAY, longest=3).tolist() == [[0, 0, 0, 1, 1, 2, 2, 3]]
    assert session_ids(hours, gap=DAY, longest=9).tolist() == [[0, 0, 0, 0, 0, 1, 1, 2]]


def test_without_times_only_length_cuts() -> None:
    assert session_ids(torch.zeros(2, 5, dtype=torch.int64), longest=2).tolist() == [[0, 0, 1, 1, 2]] * 2
