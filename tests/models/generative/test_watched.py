"""A beam search that can be watched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.histories import Histories
from penchant.models.generative.decoding import Plain
from penchant.models.generative.depth import DepthHead
from penchant.models.generative.watched import Watched
from tests.models.generative.test_tandem import SMALL, made


def test_it_finds_what_the_beam_finds_and_tells_how() -> None:
    model = made(SMALL)
    head, states = model.code_head, model.states(Histories.of([[1, 2, 3]]))
    assert isinstance(head, DepthHead)
    watched = Watched(width=6)
    items, scores = head.best(states, 4, search=watched)
    plain_items, plain_scores = head.best(states, 4, search=Plain(6))
    assert items.tolist() == plain_items.tolist()
    torch.testing.assert_close(scores, plain_scores)
    codes = head.codes_of(items)[0].tolist()
    assert [list(one.codes) for one in watched.levels[-1]] == codes
    np.testing.assert_allclose([one.log_prob for one in watched.levels[-1]], scores[0].numpy(), atol=1e-5)
    assert [len(beam) for beam in watched.levels[:-1]] == [6] * (len(watched.levels) - 1)
    for beam, longer in zip(watched.levels, watched.levels[1:], strict=False):
        chances = [one.log_prob for one in beam]
        assert chances == sorted(chances, reverse=True)
        begun = {one.codes[:-1] for one in longer}
        assert [one.kept for one in beam] == [one.codes in begun for one in beam]


def test_the_first_level_is_a_distribution() -> None:
    model = made(SMALL)
    head = model.code_head
    assert isinstance(head, DepthHead)
    watched = Watched(width=300)
    head.best(model.states(Histories.of([[5]])), 300, search=watched)
    assert sum(np.exp(one.log_prob) for one in watched.levels[0]) == pytest.approx(1.0, abs=1e-5)


def test_several_rows_cannot_be_watched() -> None:
    model = made(SMALL)
    assert isinstance(model.code_head, DepthHead)
    with pytest.raises(InputError, match="one search is watched at a time"):
        model.code_head.best(model.states(Histories.of([[1], [2]])), 3, search=Watched())


def test_nothing_left_gives_no_items() -> None:
    model = made(SMALL, items=30)
    assert isinstance(model.code_head, DepthHead)
    watched = Watched()
    items, _ = model.code_head.best(model.states(Histories.of([[1]])), 3, Histories.of([list(range(1, 31))]), search=watched)
    assert not items.any()
    assert watched.levels == []
