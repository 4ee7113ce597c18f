"""SASRec that is told portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from penchant.data.batches import collate
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.models.sequence.portrait_states import PortraitStates, PortraitStatesSettings
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.portrait_shares import shares
from tests.users.test_portrait import TREE, crowd

TABLE = (TREE.items @ TREE.above).toarray()[:, 1:]
SHAPE = PortraitStatesSettings(width=8, layers=1, heads=1, max_len=12, recent=3)
PEOPLE = Histories.of([[1, 2, 4, 6, 5, 1], [7], [3, 3, 6, 6, 6]], actions=[[0] * 6, [0], [0, 0, 0, 0, ACTION_CODE["dislike"]]])


def test_the_last_step_has_the_portrait_of_the_whole_history() -> None:
    made = Portraits.fit(crowd(), TREE, PortraitSettings(short_events=3))
    batch = collate(PEOPLE, targets=False)
    found = PortraitStates(TABLE, SHAPE).portraits(batch)[torch.arange(3), batch.lengths - 1].numpy()
    told = shares(made, PEOPLE)
    top = [category for category in range(1, len(TREE) + 1) if TREE.parents[category] == 0]

    def alike(own: np.ndarray, expected: np.ndarray) -> None:
        np.testing.assert_allclose(own / own[:, [one - 1 for one in top]].sum(axis=1, keepdims=True), expected[:, 1:], atol=1e-5)

    alike(found[:, : len(TREE)], told.short)
    alike(found[:, len(TREE) :], told.long)


def test_no_step_knows_what_comes_after() -> None:
    model = PortraitStates(TABLE, SHAPE)
    whole, part = (
        model.portraits(
            collate(PEOPLE.take(np.array([0])).last(6).slices(np.zeros(1, int), np.array([n]), np.zeros(1, int)), targets=False)
        )
        for n in (6, 4)
    )
    torch.testing.assert_close(whole[:, :5], part)


def test_at_first_it_is_sasrec_and_what_was_learnt_is_kept(tmp_path: Path) -> None:
    strangers = np.random.default_rng(0).random((5, 2 * len(TREE))).astype(np.float32)
    for model in (PortraitStates(TABLE, SHAPE), PortraitStates(TABLE, SHAPE, strangers)):
        model.eval()
        plain = SASRec(len(TABLE) - 1, SASRecSettings(**{name: getattr(SHAPE, name) for name in SASRecSettings.model_fields}))
        plain.load_state_dict({name: value for name, value in model.state_dict().items() if name in plain.state_dict()})
        torch.testing.assert_close(model.score(PEOPLE), plain.eval().score(PEOPLE))
        before = model.score(PEOPLE)
        torch.nn.init.normal_(model.interests.weight)
        after = model.score(PEOPLE)
        assert not torch.allclose(before[:, 1:], after[:, 1:])
        model.save(tmp_path / f"model{len(model.strangers)}")
        torch.testing.assert_close(PortraitStates.load(tmp_path / f"model{len(model.strangers)}").score(PEOPLE), after)
