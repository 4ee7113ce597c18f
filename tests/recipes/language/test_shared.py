"""Which language model a claim asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.core.errors import AssetError, InputError
from penchant.recipes.language.shared import language_model


def test_a_server_is_named_with_its_model() -> None:
    pytest.importorskip("openai")
    assert language_model("http://localhost:9/v1#small").name.endswith("small")
    with pytest.raises(InputError, match="pass http://localhost:9/v1#NAME"):
        language_model("http://localhost:9/v1")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    with pytest.raises((AssetError, InputError)):
        language_model(str(tmp_path / "none"))
