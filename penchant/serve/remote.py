"""What is done apart, as if it were done here.

Letters: B rows, k places, V width of a vector.
"""

from __future__ import annotations

import numpy as np

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.serve.apart import CHANCES, USERS, Apart

_PATIENCE = 2.0  # seconds that reasons are waited for
_ROWS = 16  # vectors of users that are made at once: whoever waits for a list goes in between


class RemoteGenerator:
    """A model of the release, by name.

    Args:
        apart: Has it.
    """

    def __init__(self, apart: Apart, name: str) -> None:
        self.apart, self.name = apart, name

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """See ``penchant.contracts.Retriever``.

        Raises:
            UnavailableError: The process is not there.
        """
        return self.apart.ask(self.name, histories, k, exclude)


class RemoteExplainer:
    """See ``penchant.pipeline.reasons.Explainer``.

    Args:
        apart: Has it.
    """

    def __init__(self, apart: Apart) -> None:
        self.apart = apart

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """float32[B, k], log-probabilities of the items int[k] after each history.

        Raises:
            UnavailableError: The process is not there, or takes longer than ``seconds``, or than two.
        """
        return self.apart.ask(CHANCES, histories, items, seconds=_PATIENCE if seconds is None else min(seconds, _PATIENCE))


class RemoteHead:
    """The side of the users of ``penchant.models.dense_head.DenseHead``.

    Args:
        apart: Has it.
    """

    def __init__(self, apart: Apart) -> None:
        self.apart = apart

    def users(self, histories: Histories) -> np.ndarray:
        """float32[B, V], the vector after each history.

        Raises:
            UnavailableError: The process is not there.
        """
        parts = [histories.take(np.arange(start, min(start + _ROWS, len(histories)))) for start in range(0, len(histories), _ROWS)]
        return np.concatenate([self.apart.ask(USERS, part) for part in parts])
