"""What makes portraits, written and read again: the same portraits, and nothing of single users in the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.core.artifacts import read_artifact
from penchant.core.errors import ArtifactError
from penchant.data.histories import Histories
from penchant.users.portrait import Portraits, PortraitSettings
from penchant.users.saved_portraits import load_portraits, save_portraits
from tests.users.test_portrait import MADE, TEA, TREE, bought, crowd

SOMEBODY, OTHER = np.array([-3], np.int32), np.array([7], np.int32)


def test_the_same_portraits_are_made(tmp_path: Path) -> None:
    save_portraits(MADE, tmp_path / "portraits")
    read = load_portraits(tmp_path / "portraits")
    assert MADE.cycles is not None and read.cycles is not None
    for row in range(40):
        history = crowd().take(np.array([row]))
        assert read.of(history) == MADE.of(history)


def test_settings_are_kept_and_cycles_may_be_missing(tmp_path: Path) -> None:
    untimed = Histories.of([[1, 2], [4]], users=[1, 2])
    made = Portraits.fit(untimed, TREE, PortraitSettings(short_events=1))
    save_portraits(made, tmp_path / "portraits")
    read = load_portraits(tmp_path / "portraits")
    assert (read.settings, read.cycles) == (made.settings, None)
    assert read.of(Histories.of([[1, 4]])) == made.of(Histories.of([[1, 4]]))


def test_no_row_of_a_user_is_written(tmp_path: Path) -> None:
    save_portraits(MADE, tmp_path / "portraits")
    saved = read_artifact(tmp_path / "portraits")
    sizes = {len(values) for name in ("items", "adoption") for values in saved.arrays(name).values()} | {len(saved.table("categories"))}
    assert not sizes & {len(crowd()), len(crowd()) + 1}, "40 users"


def test_who_deviates_from_others_is_known_by_their_own_purchases() -> None:
    """As when the deviations of users were fitted with the rest."""
    assert MADE.cycles is not None
    assert MADE.cycles.shifts.tolist() == [0.0]
    slow, quick = (replace(bought([TEA] * 4, [0, days, 2 * days, 3 * days]), users=users) for days, users in ((120, SOMEBODY), (10, OTHER)))
    assert [len(MADE.of(one, int(one.times.max()) + 5 * 86_400).due) for one in (slow, quick)] == [0, 1]


def test_a_spoilt_folder_is_refused(tmp_path: Path) -> None:
    save_portraits(MADE, tmp_path / "portraits")
    (tmp_path / "portraits" / "categories.parquet").write_bytes(b"spoilt")
    with pytest.raises(ArtifactError):
        load_portraits(tmp_path / "portraits")
