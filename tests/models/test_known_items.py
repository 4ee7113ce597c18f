"""A model of fewer items in a larger catalogue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.core.errors import ArtifactError, InputError
from penchant.data.histories import Histories
from penchant.models.blend import Blend
from penchant.models.known_items import KnownItems
from penchant.models.retrieval.popularity import Popularity

MODEL = Popularity.fit(Histories.of([[1, 2, 3], [2, 3], [3]]), 3)
HISTORIES = Histories.of([[1, 5], [4], []])


def test_it_goes_on_as_it_was_and_names_nothing_new() -> None:
    larger, alone = KnownItems(MODEL, 5), Histories.of([[1], [], []])
    found, before = larger.recommend(HISTORIES, 5, exclude=HISTORIES), MODEL.recommend(alone, 3, exclude=alone)
    assert found.items[:, :3].tolist() == before.items.tolist()
    assert not found.items[:, 3:].any() and np.isneginf(found.scores[:, 3:]).all()
    assert np.isneginf(larger.score(HISTORIES)[:, 4:].numpy()).all()
    assert larger.score(HISTORIES)[:, :4].tolist() == MODEL.score(alone).tolist()


def test_it_is_kept_whole(tmp_path: Path) -> None:
    KnownItems(MODEL, 5).save(tmp_path / "model")
    again = KnownItems.load(tmp_path / "model")
    assert again.num_items == 5
    assert again.recommend(HISTORIES, 2).items.tolist() == KnownItems(MODEL, 5).recommend(HISTORIES, 2).items.tolist()
    with pytest.raises(ArtifactError):
        Blend.load(tmp_path / "model")


def test_no_item_is_taken_away() -> None:
    with pytest.raises(InputError, match="num_items=2: the model knows 3"):
        KnownItems(MODEL, 2)
    with pytest.raises(InputError, match=r"item codes 1\.\.6"):
        KnownItems(MODEL, 5).recommend(Histories.of([[1, 6]]), 2)
