"""Language models for tests: a tiny network of random weights, and the small real one where it can be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from penchant.core.errors import AssetError
from penchant.llm.local import LocalModel


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> LocalModel:
    """The tiny model, in float32."""
    return LocalModel(tiny_folder, bf16=False)


@pytest.fixture(scope="session")
def smollm2() -> LocalModel:
    """SmolLM2-135M-Instruct."""
    try:
        return LocalModel.fetch()
    except AssetError as error:
        pytest.skip(str(error))
