"""Fold-in is the user step of the method; the package is asked for only to fit."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.retrieval import ials
from penchant.models.retrieval.ials import ALSSettings, ImplicitALS

RANDOM = np.random.default_rng(0)
TRAIN = Histories.of([RANDOM.choice(np.arange(1, 21), size, replace=False) for size in RANDOM.integers(1, 9, 40)])
SETTINGS = ALSSettings(factors=6, l2=0.7, confidence=5.0, sweeps=5)


def step(given: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """One row, solved from the normal equations with a weight for each item."""
    had = np.isin(np.arange(1, 21), given)
    weights = np.where(had, SETTINGS.confidence, 1.0)
    matrix = factors.T @ (weights[:, None] * factors) + SETTINGS.l2 * np.eye(6)
    return np.linalg.solve(matrix, factors.T @ (weights * had))


def objective(users: np.ndarray, items: np.ndarray) -> float:
    x = np.zeros((40, 21))
    x[TRAIN.rows, TRAIN.items] = 1
    weights = np.where(x[:, 1:] > 0, SETTINGS.confidence, 1.0)
    return float((weights * (x[:, 1:] - users @ items.T) ** 2).sum() + SETTINGS.l2 * ((users**2).sum() + (items**2).sum()))


def test_a_history_is_folded_in_by_one_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ImplicitALS.fit(TRAIN, 20, SETTINGS)
    given = Histories.of([[3, 7, 7], [], [1, 2, 3, 4, 5], [20]])
    expected = [step(given.row(row), model.factors[1:].numpy().astype(float)) for row in range(4)]
    np.testing.assert_allclose(model.fold_in(given).numpy(), expected, atol=1e-5)
    monkeypatch.setattr(ials, "_SOLVED", 3)
    np.testing.assert_allclose(model.fold_in(given).numpy(), expected, atol=1e-5)
    assert len(model.fold_in(given.take(np.zeros(0, np.int64)))) == 0


def test_the_objective_falls_with_every_sweep() -> None:
    values = []
    for sweeps in (1, 2, 4, 8):
        model = ImplicitALS.fit(TRAIN, 20, SETTINGS.but(sweeps=sweeps))
        values.append(objective(model.fold_in(TRAIN).numpy().astype(float), model.factors[1:].numpy().astype(float)))
    assert all(after < before for before, after in pairwise(values))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(InputError, match=r"penchant\[baselines\]"):
        ImplicitALS.fit(TRAIN, 20, SETTINGS)
