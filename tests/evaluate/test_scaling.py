"""Scaling laws: known curves are found again, plateaus are called so, and extrapolation looks only at what it may."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.data.splits import Targets
from penchant.evaluate.scaling import PowerLaw, extrapolate, fit, network_parameters, next_item_loss

SIZES = [1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6]


@pytest.mark.parametrize("law", [PowerLaw(5.5, 300.0, 0.4), PowerLaw(0.0, 1e9, 0.07), PowerLaw(6.0, 40.0, 1.7)])
def test_a_known_law_is_found_again(law: PowerLaw) -> None:
    found = fit(SIZES, law.loss(SIZES).tolist())
    assert found.exponent == pytest.approx(law.exponent, rel=1e-3)
    np.testing.assert_allclose(found.loss([5e6]), law.loss([5e6]), rtol=1e-4)


def test_a_plateau_is_a_law_that_does_not_fall() -> None:
    found = fit(SIZES, [6.0] * 7)
    np.testing.assert_allclose(found.loss(SIZES), 6.0, rtol=1e-6)
    risen = fit(SIZES, [6.0, 6.1, 6.2, 6.3, 6.4, 6.5, 6.6])
    np.testing.assert_allclose(risen.loss(SIZES), 6.3, rtol=1e-6)  # a law never rises: the mean is the best it can say


def test_the_largest_sizes_are_predicted_unseen() -> None:
    law = PowerLaw(5.0, 2000.0, 0.5)
    losses = law.loss(SIZES)
    losses[-1] += 0.5
    found = extrapolate(SIZES[::-1], losses[::-1].tolist())
    np.testing.assert_allclose(found.predicted, law.loss(SIZES[-2:]), rtol=1e-4)
    assert found.constant == losses[-3] and found.sizes.tolist() == SIZES[-2:]
    assert found.error == pytest.approx(0.5 * 0.5 / losses[-1], rel=1e-2)
    clean = extrapolate(SIZES, law.loss(SIZES).tolist())
    assert clean.error < 1e-4 < clean.constant_error


def test_tables_do_not_count() -> None:
    net = nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 4), nn.LayerNorm(4))
    assert network_parameters(net) == 8 * 4 + 4 + 8


class Fixed:
    """Gives the logarithm of fixed probabilities, whatever was seen."""

    num_items = 3

    def score(self, histories: Histories) -> torch.Tensor:
        return torch.tensor([-torch.inf, 0.0, float(np.log(3)), float(np.log(4))]).repeat(len(histories), 1)

    def recommend(self, *_: object, **__: object) -> object: ...
    def save(self, folder: Path) -> None: ...


def test_the_loss_is_the_entropy_of_what_happened() -> None:
    targets = Targets(Histories.of([[1], [2], []]), Histories.of([[3, 1], [2], [1]]))
    expected = -(np.log(4 / 8) + np.log(3 / 8) + np.log(1 / 8)) / 3
    assert next_item_loss(Fixed(), targets) == pytest.approx(expected)  # type: ignore[arg-type]


def test_too_few_points_are_refused() -> None:
    with pytest.raises(InputError, match=r"4 sizes: three numbers are fitted; pass at least 5 sizes"):
        fit([1, 2, 3, 4], [4, 3, 2, 1])
    with pytest.raises(InputError, match=r"2 sizes, 1 losses"):
        fit([1, 2], [4])
