"""What tells intents, written and read again: the same intents, and nothing of single users in the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from penchant.core.artifacts import read_artifact
from penchant.core.errors import ArtifactError
from penchant.users.saved_intents import load_intents, save_intents
from tests.users.test_intents import SETTINGS, crowd, made, tree


def test_the_same_intents_are_told(tmp_path: Path) -> None:
    save_intents(made(), tmp_path / "intents")
    read = load_intents(tmp_path / "intents", tree())
    assert read.settings == SETTINGS
    for row in range(20):
        history = crowd().take(np.array([row]))
        assert read.of(history) == made().of(history)


def test_no_row_of_a_user_is_written(tmp_path: Path) -> None:
    save_intents(made(), tmp_path / "intents")
    sizes = {size for values in read_artifact(tmp_path / "intents").arrays("counts").values() for size in values.shape}
    assert not sizes & {len(crowd()), len(crowd()) + 1}, "300 users"


def test_a_spoilt_folder_is_refused(tmp_path: Path) -> None:
    save_intents(made(), tmp_path / "intents")
    next((tmp_path / "intents").glob("counts*")).write_bytes(b"spoilt")
    with pytest.raises(ArtifactError):
        load_intents(tmp_path / "intents", tree())
