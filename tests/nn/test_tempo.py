"""Tempo follows gaps causally and is bounded for any gap."""

from __future__ import annotations

import torch

from penchant.nn.tempo import LONGEST, WEEK, Tempo, gap_levels


def test_levels_are_scaled_and_clamped() -> None:
    levels = gap_levels(torch.tensor([-3, 0, WEEK, LONGEST, 2**62]))
    torch.testing.assert_close(levels[:3], torch.tensor([0.0, 0.0, 1.0]))
    assert levels[3] == levels[4] < 2


def test_tempo_is_causal_and_positive() -> None:
    torch.manual_seed(0)
    tempo = Tempo(4)
    levels = torch.rand(2, 9, 4)
    changed = levels.clone()
    changed[:, 6:] = 5.0
    for one, other in zip(tempo(levels), tempo(changed), strict=True):
        torch.testing.assert_close(one[:, :6], other[:, :6])
        assert not torch.allclose(one[:, 6:], other[:, 6:])
    assert (tempo(changed)[0] > 0).all()
