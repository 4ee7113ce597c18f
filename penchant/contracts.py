"""The protocols between the parts, and their small value types.

Letters: B rows of a batch, N items (codes 1..N; 0 is padding), k places of a list, T steps of a history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import torch

from penchant.data.histories import Histories


@dataclass(frozen=True)
class TopK:
    """Ranked lists.

    Attributes:
        items: int32[B, k], best first; 0 where fewer than k items may be shown.
        scores: float32[B, k], not increasing along a row; ``-inf`` where ``items`` is 0.
    """

    items: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.items)

    @property
    def k(self) -> int:
        return self.items.shape[1]


@dataclass(frozen=True)
class Losses:
    """Named scalar terms; ``total`` is what is minimised (their weighted sum, made by the model)."""

    total: torch.Tensor
    terms: dict[str, torch.Tensor]


@runtime_checkable
class Retriever(Protocol):
    """Whatever ranks the whole catalogue for a history, generative models included."""

    num_items: int

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row.

        Args:
            histories: B rows; a row may be empty, and its user need not be known.
            k: In 1..N.
            exclude: B rows of items that must not appear, for example ``histories`` itself.

        Raises:
            InputError: k is outside 1..N, or ``exclude`` has another number of rows.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write an artifact that ``load`` restores with identical rankings."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


@runtime_checkable
class Scorer(Retriever, Protocol):
    """A retriever that can score every item. ``recommend`` equals the top k of ``score``."""

    def score(self, histories: Histories) -> torch.Tensor:
        """float32[B, N + 1]; column j belongs to item j, column 0 is ``-inf``."""
        ...


class Trainable(Protocol):
    """All that the training loop knows of a model: a ``torch.nn.Module`` with a loss."""

    def loss(self, batch: Any) -> Losses: ...

    def train(self, mode: bool = True) -> Self: ...

    def parameters(self, recurse: bool = True) -> Iterator[torch.nn.Parameter]: ...
