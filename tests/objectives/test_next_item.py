"""Every name gives its loss, and every loss goes down for states that point at their targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.objectives.binary import BinaryCrossEntropy
from penchant.objectives.next_item import NextItemLoss
from penchant.objectives.softmax import SampledSoftmax
from tests.objectives.test_softmax import Table

COUNTS = np.arange(41)


@pytest.mark.parametrize("name", ["full", "sampled", "binary", "gbce"])
def test_pointing_at_the_target_is_rewarded(name: str) -> None:
    torch.manual_seed(0)
    weights = torch.nn.functional.normalize(torch.randn(41, 16), dim=1)
    targets = torch.arange(1, 41)
    objective = NextItemLoss(name).make(COUNTS, scale=8.0)
    right, wrong = (float(objective(weights[goal], targets, Table(weights))) for goal in (targets, targets.roll(1)))
    assert right < 0.9 * wrong


def test_defaults_follow_the_papers() -> None:
    binary, gbce = NextItemLoss.BINARY.make(COUNTS), NextItemLoss.GBCE.make(np.ones(1001))
    assert isinstance(binary, BinaryCrossEntropy)
    assert (binary.negatives, binary.beta, binary.shared) == (1, 1.0, False)
    assert isinstance(gbce, BinaryCrossEntropy)
    assert (gbce.negatives, gbce.shared) == (256, True)
    assert gbce.beta < 0.5


def test_a_small_catalogue_bounds_the_negatives() -> None:
    sampled = NextItemLoss.SAMPLED.make(COUNTS, negatives=10_000)
    assert isinstance(sampled, SampledSoftmax)
    assert sampled.negatives == 39


def test_correction_can_be_left_out() -> None:
    sampled = NextItemLoss.SAMPLED.make(COUNTS, correction=False)
    assert isinstance(sampled, SampledSoftmax)
    assert not sampled.log_expected.any()
