"""What every test has: silence on standard error, and one thread (tests share two cores)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from penchant.core.progress import quiet

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _silence(request: pytest.FixtureRequest) -> Iterator[None]:
    if "test_progress" in str(request.node.path):
        yield
        return
    with quiet():
        yield
