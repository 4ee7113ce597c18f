"""Tandem as it is served: what the network itself gives, whatever the rows share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.histories import Histories
from penchant.models.generative.quick_tandem import QuickTandem
from penchant.models.generative.tandem import Tandem, TandemSettings

ITEMS = 30


def tandem(layers: int) -> QuickTandem:
    torch.manual_seed(1)
    codes = np.arange(ITEMS + 1)[:, None] % 7 * np.ones((1, 2), int)
    codes[:, 1] = np.arange(ITEMS + 1) // 7
    vectors = np.random.default_rng(0).normal(size=(ITEMS + 1, 6)).astype(np.float32)
    model = QuickTandem(codes.astype(np.int32), vectors, np.arange(ITEMS + 1), TandemSettings(width=16, heads=2, layers=layers, max_len=24))
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.3 * torch.randn_like(weights))
    return model.eval()


MODELS = {layers: tandem(layers) for layers in (1, 2, 3)}


def without_each(history: Histories, items: list[int]) -> Histories:
    repeated = history.take(np.zeros(len(items) + 1, np.int64))
    return repeated.where(repeated.items != np.array([0, *items])[repeated.rows])


@settings(max_examples=60, deadline=None)
@given(
    row=st.lists(st.integers(1, ITEMS), min_size=1, max_size=30),
    tried=st.lists(st.integers(1, ITEMS), max_size=6),
    layers=st.sampled_from(sorted(MODELS)),
    timed=st.booleans(),
)
def test_rows_without_an_item_have_the_states_of_the_network(row: list[int], tried: list[int], layers: int, timed: bool) -> None:
    times = [[1_000_000 + 977 * place**2 for place in range(len(row))]] if timed else None
    histories = without_each(Histories.of([row], times=times), [*tried, *row[-3:]])
    model = MODELS[layers]
    torch.testing.assert_close(model.states(histories), Tandem.states(model, histories), atol=2e-5, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.lists(st.integers(1, 3), max_size=26), min_size=1, max_size=5))
def test_rows_of_any_kind_have_the_states_of_the_network(rows: list[list[int]]) -> None:
    histories, model = Histories.of(rows), MODELS[2]
    torch.testing.assert_close(model.states(histories), Tandem.states(model, histories), atol=2e-5, rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(row=st.lists(st.integers(1, ITEMS), max_size=30), layers=st.sampled_from(sorted(MODELS)))
def test_one_row_has_the_scores_of_the_network(row: list[int], layers: int) -> None:
    histories, model = Histories.of([row]), MODELS[layers]
    slow = Tandem.score_states(model, Tandem.states(model, histories))
    torch.testing.assert_close(model.score(histories)[:, 1:], slow[:, 1:], atol=1e-4, rtol=1e-4)


def test_other_weights_have_other_scores() -> None:
    model, history = tandem(2), Histories.of([[3, 4, 5]])
    before = model.score(history)
    with torch.no_grad():
        model.tokens.ids.weight.mul_(-1)  # type: ignore[union-attr]
    after = model.eval().score(history)
    assert not torch.allclose(before[:, 1:], after[:, 1:])
    torch.testing.assert_close(after[:, 1:], Tandem.score_states(model, model.states(history))[:, 1:], atol=1e-4, rtol=1e-4)


def test_what_is_shared_is_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS[2]
    monkeypatch.setattr(Tandem, "states", lambda *_: pytest.fail("the plain way"))
    assert model.states(without_each(Histories.of([list(range(1, 20))]), [17, 18, 19])).shape == (4, 16)
