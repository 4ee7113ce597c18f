"""What a code head does: it scores the codes of the next item, and finds the items whose codes it gives the best score.

Letters: B rows, P positions, W width, N items, L levels, C candidates, w places.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from torch import Tensor, nn

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.generative.tokens import compact


class CodeHead(nn.Module, ABC):
    """A head over codes. Scores of items are log-probabilities of their codes, so those of all tuples sum to 1.

    Args:
        codes: int[N + 1, L]; row 0 is padding.
    """

    codes: Tensor

    def __init__(self, codes: np.ndarray) -> None:
        super().__init__()
        fits = codes.ndim == 2 and len(codes) > 1 and codes.shape[1] > 0
        require(fits, f"codes of shape {codes.shape}", "a head needs items and levels", "pass int[N + 1, L] with N, L >= 1")
        self.register_buffer("codes", compact(codes))
        self.sizes = [int(size) + 1 for size in codes.max(axis=0)]  # K_1..K_L

    @property
    def num_items(self) -> int:
        return len(self.codes) - 1

    def codes_of(self, items: Tensor) -> Tensor:
        """int64[..., L] of items int64[...]."""
        return self.codes[items].long()

    @abstractmethod
    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Mean loss, a level, of states [P, W] at items int64[P]."""

    @abstractmethod
    def chances(self, states: Tensor, items: Tensor) -> Tensor:
        """float32[B, C], log-probabilities of the codes of items int64[B, C] after states [B, W]."""

    @abstractmethod
    def score(self, states: Tensor) -> Tensor:
        """float32[B, N + 1], the log-probabilities of all items' codes, one by one; column 0 means nothing."""

    @abstractmethod
    def best(self, states: Tensor, places: int, exclude: Histories | None = None, allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The items that the head finds best, at most ``places`` of them, and so many whenever a row may be given them.

        Args:
            states: [B, W].
            places: Items a row.
            exclude: B rows of items that must not come back.
            allowed: bool[N + 1], items that may come back in any row; None: all.

        Returns:
            Items int64[B, w], best first (0 where none is left), and their log-probabilities float32[B, w] (``-inf`` there).
        """
