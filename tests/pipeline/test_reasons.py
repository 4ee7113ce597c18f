"""Reasons of a large catalogue: the sampled softmax agrees with the whole one, and long histories are read in part."""

from __future__ import annotations

import numpy as np

from penchant.data.histories import Histories
from penchant.models.generative.tandem import Tandem
from penchant.pipeline.reasons import BySample, ByScores, score_drops
from tests.contracts.planted import CASES

HISTORY = Histories.of([[25, 3, 7]])


def tandem() -> Tandem:
    found = CASES["tandem, dense head"].make(0)
    assert isinstance(found, Tandem)
    return found


def test_a_sample_of_everything_is_the_whole_softmax() -> None:
    model, items = tandem(), np.array([8, 4, 24])
    whole, sampled = ByScores(model).chances(HISTORY, items), BySample(model, sample=10**6).chances(HISTORY, items)
    np.testing.assert_allclose(sampled, whole, atol=1e-4)


def test_a_small_sample_names_the_same_cause() -> None:
    model, items = tandem(), np.array([8])
    past, whole = score_drops(ByScores(model), HISTORY, items)
    again, sampled = score_drops(BySample(model, sample=12), HISTORY, items)
    assert past.tolist() == again.tolist()
    assert int(whole[:, 0].argmax()) == int(sampled[:, 0].argmax())


def test_of_a_long_history_the_newest_part_is_read() -> None:
    class Counting(ByScores):
        longest = 0

        def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
            self.longest = max(self.longest, int(histories.lengths.max()))
            return super().chances(histories, items)

    long = Histories.of([[25, 3] * 40 + [7]])
    model = Counting(tandem())
    past, _ = score_drops(model, long, np.array([8]), context=10)
    assert model.longest == 10
    assert past.tolist() == [7, 3, 25]
