"""Buckets follow the formula and are bounded, whatever time a live event brings."""

from __future__ import annotations

import math

import torch

from penchant.nn.times import log_buckets


def test_known_answers_and_bounds() -> None:
    seconds = torch.tensor([-5, 0, 1, 2, 60, 86_400, 2**62])
    expected = [0, 0, 0, *(math.floor(math.log(value) / 0.301) for value in (2, 60, 86_400)), 127]
    assert log_buckets(seconds).tolist() == expected
