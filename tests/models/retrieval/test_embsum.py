"""Poly-embeddings: scores against a slow loop, what is seen when, and that items are known by their texts alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from penchant.core.errors import InputError
from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.models.retrieval.embsum import EmbSum, EmbSumSettings
from penchant.models.retrieval.summaries import TaughtSummaries
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

RANDOM = np.random.default_rng(0)
#: Items 1..20 in four kinds of five, which their texts tell. Nobody had 5, 10, 15, 20; item 20 has no second text.
KINDS = np.arange(20) // 5
FACETS = np.concatenate([np.zeros((1, 4)), np.eye(4)[KINDS]]).astype(np.float32)
FIRST = np.concatenate([np.zeros((1, 6)), RANDOM.normal(size=(4, 6))[KINDS] + 0.1 * RANDOM.normal(size=(20, 6))]).astype(np.float32)
SECOND = np.concatenate([RANDOM.normal(size=(20, 3)), np.zeros((1, 3))]).astype(np.float32)
HISTORIES = Histories.of([5 * (user % 4) + 1 + RANDOM.integers(0, 4, 6) for user in range(80)])
COUNTS = np.bincount(HISTORIES.items, minlength=21)
SMALL = EmbSumSettings(width=8, user_vectors=3, item_vectors=2, session_len=2, max_len=8, dropout=0.0, negatives=16)
TRAINING = TrainSettings(max_len=8, tokens=256, epochs=12, learning_rate=1e-2, warmup_steps=2, bf16=False)


def made(**changes: object) -> EmbSum:
    torch.manual_seed(0)
    return EmbSum(COUNTS, [FIRST, SECOND], SMALL.but(**changes)).eval()


def test_scores_equal_a_slow_loop() -> None:
    model = made()
    with torch.no_grad():
        model.judge.weight.normal_()
    asked = HISTORIES.take(np.arange(3))
    found = model.score(asked)
    users, vectors = model.states(asked).view(3, 3, 8), model.catalogue()[1]
    for row in range(3):
        for item in (1, 7, 20):
            pairs = torch.stack([users[row, m] @ vectors[item, n] for m in range(3) for n in range(2)]) / model.settings.temperature
            torch.testing.assert_close(found[row, item], (model.judge(pairs).softmax(dim=0) * pairs).sum(), rtol=1e-4, atol=1e-4)


def test_a_single_vector_each_scores_by_the_cosine() -> None:
    model = made(user_vectors=1, item_vectors=1)
    asked = HISTORIES.take(np.arange(3))
    wanted = model.states(asked) @ model.catalogue()[1][:, 0].T / model.settings.temperature
    torch.testing.assert_close(model.score(asked)[:, 1:], wanted[:, 1:], rtol=1e-4, atol=1e-4)


def test_an_event_sees_its_session_and_the_ends_of_those_before() -> None:
    model = made()
    before = model.read(collate(Histories.of([[1, 7, 12, 3, 4]]), targets=False), model.catalogue()[0])
    for changed, first in (([1, 7, 12, 3, 9], 5), ([1, 7, 12, 8, 4], 4)):
        after = model.read(collate(Histories.of([changed]), targets=False), model.catalogue()[0])
        for one, two in zip(before, after, strict=True):
            torch.testing.assert_close(one[:, :first], two[:, :first])
            assert not torch.allclose(one[:, first], two[:, first])


def test_sessions_are_cut_by_their_length() -> None:
    lists = Histories.of([[1, 7, 12, 3, 4]])
    states = [made(session_len=length).states(lists) for length in (1, 2, 100)]
    assert not torch.allclose(states[0], states[1])
    assert not torch.allclose(states[1], states[2])


def test_a_batch_is_its_rows_one_by_one() -> None:
    model, lists = made(), Histories.of([[], [3], [1, 7, 12, 3, 4, 20, 2, 2, 9, 10]])
    together = model.score(lists)
    for row in range(3):
        torch.testing.assert_close(model.score(lists.take(np.array([row])))[0], together[row], rtol=1e-4, atol=1e-4)


def test_a_missing_text_is_no_token() -> None:
    model = made()
    before = model.catalogue()[1]
    with torch.no_grad():
        model.projects[1].bias.normal_()  # type: ignore[operator]
    after = model.eval().catalogue()[1]
    torch.testing.assert_close(before[20], after[20])
    assert not torch.allclose(before[19], after[19])


def test_summaries_name_what_weighs_most_so_far() -> None:
    taught = TaughtSummaries(made(), FACETS, named=2)
    told = taught.summaries(collate(Histories.of([[1, 2, 6, 11, 1], [16, 17, 3]])))
    wanted = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [2 / 3, 1 / 3, 0, 0]]
    torch.testing.assert_close(told[0, :4], torch.tensor(wanted))
    assert (told[0, 4] > 0).sum() == 2, "the two that weigh most; the target is not among the events"
    assert not told[1, 3:].any(), "padding has none"
    others = TaughtSummaries(made(), FACETS, named=2, shuffled=True).summaries(collate(Histories.of([[1, 2, 3], [16, 17]])))
    assert others.argmax(dim=-1).tolist() == [[0, 3, 3], [0, 0, 0]]


@pytest.mark.parametrize("taught", [True, False])
def test_it_finds_new_items_of_the_kind(taught: bool, tmp_path: Path) -> None:
    model = made()
    wrapper = TaughtSummaries(model, FACETS) if taught else model
    Trainer(TRAINING).fit(wrapper, HISTORIES)
    model.eval()
    asked = HISTORIES.take(np.arange(8))
    new = torch.tensor([5, 10, 15, 20])
    assert model.score(asked)[:, new].argmax(dim=1).tolist() == [0, 1, 2, 3] * 2
    model.save(tmp_path / "model")
    torch.testing.assert_close(EmbSum.load(tmp_path / "model").score(asked), model.score(asked))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="a row an item"):
        EmbSum(COUNTS, [FIRST[:5]], SMALL)
    with pytest.raises(InputError, match="21 with row 0"):
        TaughtSummaries(made(), FACETS[:5])
