"""Thoughts: made of the past alone, and held to rationales of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from penchant.core.errors import InputError
from penchant.data.batches import TrainingBatches, collate
from penchant.data.described import DescribedBatch, DescribedBatches
from penchant.data.histories import Histories
from penchant.models.sequence.thoughtful import Thought, ThoughtfulSASRec, ThoughtSettings, ThoughtSpace
from penchant.nn.transformer import last_valid
from penchant.train.loop import Trainer
from penchant.train.settings import TrainSettings

RANDOM = np.random.default_rng(0)
TITLES = RANDOM.normal(size=(13, 6)).astype(np.float32)
SMALL = ThoughtSettings(width=8, layers=1, heads=2, dropout=0.0, max_len=8, space=4)
#: Users like one of four kinds of three items, and their rationales say which.
HISTORIES = Histories.of([3 * (user % 4) + 1 + RANDOM.integers(0, 3, 5) for user in range(40)], users=np.arange(1, 41))
RATIONALES = np.eye(4)[np.arange(40) % 4]


def made(**changes: object) -> ThoughtfulSASRec:
    torch.manual_seed(0)
    return ThoughtfulSASRec(TITLES, SMALL.but(**changes)).eval()


def held(model: ThoughtfulSASRec, **changes: object) -> ThoughtSpace:
    return ThoughtSpace(model, RATIONALES, np.arange(1, 41), np.arange(40) % 4, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("thought", list(Thought))
def test_what_comes_later_is_not_seen(thought: Thought) -> None:
    model = made(thought=thought)
    one, two = (model.encode(collate(Histories.of([[1, 7, last]]), targets=False)) for last in (3, 11))
    torch.testing.assert_close(one[:, :3], two[:, :3])
    assert not torch.allclose(one[:, 3], two[:, 3])


def test_means_of_titles_are_what_they_say() -> None:
    model = made(thought=Thought.TITLES)
    found = model.mean_titles(torch.tensor([[0, 3, 5]]))[0]
    assert not found[0].any()
    torch.testing.assert_close(found[2], F.normalize(torch.from_numpy(TITLES[3] + TITLES[5]), dim=0))


def test_a_users_own_and_equal_rationales_are_no_negatives() -> None:
    model = made()
    batch = collate(HISTORIES.take(np.array([0, 1, 4])))
    described = DescribedBatch(batch, torch.from_numpy(RATIONALES[[0, 1, 4]]).float(), torch.tensor([0, 1, 0]))
    space = held(model, drawn=0)
    thoughts = last_valid(model.thoughts(batch.items), batch.lengths)
    cosines = F.cosine_similarity(thoughts[:, None], space.judge(described.vectors)[None], dim=-1) / space.temperature
    logits = torch.stack([cosines[0, [0, 1]], cosines[1, [1, 0]], cosines[2, [2, 1]]])  # users 1 and 5 have one rationale
    second = torch.logsumexp(cosines[1], dim=0) - cosines[1, 1]
    wanted = (-logits.log_softmax(dim=1)[[0, 2], 0].sum() + second) / 3
    torch.testing.assert_close(space.contrast(thoughts, described), wanted)


def test_thoughts_come_near_their_rationales(tmp_path: Path) -> None:
    model = made()
    space = held(model, weight=1.0)
    plain = TrainingBatches(HISTORIES, max_len=8, tokens=64)
    owner = plain.windows.users - 1
    training = TrainSettings(max_len=8, tokens=64, epochs=30, learning_rate=1e-2, warmup_steps=2, bf16=False)
    Trainer(training).fit(space, DescribedBatches(plain, RATIONALES[owner], owner % 4))
    model.eval()
    thoughts = last_valid(model.thoughts(collate(HISTORIES, targets=False).items), torch.full((40,), 6))
    nearest = (thoughts @ F.normalize(space.judge(torch.eye(4)), dim=-1).T).argmax(dim=1)
    assert (nearest.numpy() == np.arange(40) % 4).mean() > 0.9
    model.save(tmp_path / "model")
    again = ThoughtfulSASRec.load(tmp_path / "model")
    assert again.shape == model.shape
    torch.testing.assert_close(again.score(HISTORIES), model.score(HISTORIES))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="each rationale has an owner"):
        ThoughtSpace(made(), RATIONALES, np.arange(3), np.arange(40))
    with pytest.raises(InputError, match="held to nothing"):
        held(made(thought=Thought.TITLES))
