"""What every test has: silence on standard error, and one thread (tests share two cores)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from penchant.core.progress import quiet
from tests.llm.tiny_model import make_tiny

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _silence(request: pytest.FixtureRequest) -> Iterator[None]:
    if "test_progress" in str(request.node.path):
        yield
        return
    with quiet():
        yield


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a causal language model of random weights."""
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny")
