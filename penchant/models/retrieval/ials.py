"""Implicit alternating least squares: factors that explain every cell of the user-item matrix, the empty ones lightly.

Hu, Koren and Volinsky, ICDM 2008; revisited by Rendle et al., RecSys 2022, arXiv:2110.14037. Item factors come from the
package ``implicit``; only they are kept. A history is folded in by one solve, which is the user step of the method:

    w = (H'H + (confidence - 1) sum_i h_i h_i' + l2 I)^-1 confidence sum_i h_i      over the items i of the history

Letters: B rows, N items, W factors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field
from threadpoolctl import threadpool_limits
from torch import Tensor

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import InputError
from penchant.core.settings import Settings
from penchant.data.histories import Histories
from penchant.data.rows import as_rows
from penchant.models.retrieval.linear import user_item
from penchant.models.retrieval.scored import inner_products, recommend_by_score

_SOLVED = 1024  # rows solved at a time: 16 MB of matrices at 64 factors


class ALSSettings(Settings):
    """What is fitted, and how long."""

    factors: int = Field(default=64, ge=1)
    l2: float = Field(default=1.0, gt=0, description="the same for every user and item")
    confidence: float = Field(default=20.0, ge=1, description="weight of a cell with an event; an empty cell weighs 1")
    sweeps: int = Field(default=15, ge=1, description="alternations of users and items")


class ImplicitALS:
    """Ranks by w . h_i, with w solved from the history at hand.

    Args:
        factors: float32[N + 1, W] of items; row 0 is zero.
        settings: What they were fitted with.
    """

    KIND = "ials"

    def __init__(self, factors: np.ndarray, settings: ALSSettings) -> None:
        self.factors = torch.from_numpy(np.ascontiguousarray(factors, np.float32))
        self.settings = settings
        self.num_items = len(factors) - 1
        self._base = self.factors.T @ self.factors + settings.l2 * torch.eye(self.factors.shape[1])

    @classmethod
    def fit(cls, train: Histories, num_items: int, settings: ALSSettings | None = None, *, seed: int = 0) -> Self:
        """Alternate on the training histories; one thread a matrix product, as ``implicit`` spreads over rows itself.

        Raises:
            InputError: The package ``implicit`` is not installed.
        """
        settings = settings or ALSSettings()
        solver = _solver()
        with threadpool_limits(1, "blas"):
            model = solver(
                factors=settings.factors,
                regularization=settings.l2,
                alpha=settings.confidence,
                iterations=settings.sweeps,
                use_cg=False,  # exact steps: the objective never rises, and a fold-in is what training would do
                random_state=seed,
            )
            model.fit(user_item(train, num_items)[:, 1:].tocsr(), show_progress=False)
        return cls(np.concatenate([np.zeros((1, settings.factors), np.float32), model.item_factors]), settings)

    def fold_in(self, histories: Histories) -> Tensor:
        """float32[B, W], the user factors that fit each history; zero for an empty one."""
        rows = as_rows(histories)
        width, extra = self.factors.shape[1], self.settings.confidence - 1
        found = torch.zeros(len(histories), width)
        ends = np.searchsorted(rows.rows.numpy(), np.arange(0, len(histories) + _SOLVED, _SOLVED))
        for index, start in enumerate(range(0, len(histories), _SOLVED)):
            part = slice(int(ends[index]), int(ends[index + 1]))
            owners, vectors = rows.rows[part] - start, self.factors[rows.items[part]]
            count = min(_SOLVED, len(histories) - start)
            sums = torch.zeros(count, width).index_add_(0, owners, vectors)
            lengths = torch.bincount(owners, minlength=count)
            # By row: an item's outer product, summed. Padding to the longest history turns that into one product a row.
            padded = torch.zeros(count, max(int(lengths.max()), 1), width)
            padded[owners, torch.arange(len(owners)) - (lengths.cumsum(0) - lengths)[owners]] = vectors
            matrices = torch.baddbmm(self._base.expand(count, -1, -1), padded.transpose(1, 2), padded, alpha=extra)
            solved = torch.cholesky_solve((extra + 1) * sums[:, :, None], torch.linalg.cholesky(matrices))
            found[start : start + count] = solved[:, :, 0]
        return found

    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        return inner_products(self.fold_in(histories), self.factors)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        return recommend_by_score(self, histories, k, exclude)

    def save(self, folder: Path) -> None:
        """Write the artifact."""
        with write_artifact(folder, kind=self.KIND, settings=self.settings.plain()) as out:
            out.tensors("factors", {"items": self.factors})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model; ``implicit`` is not needed for that."""
        saved = read_artifact(folder, kind=cls.KIND)
        return cls(saved.arrays("factors")["items"], ALSSettings.of(saved.manifest.settings))


def _solver() -> Any:
    try:
        from implicit.cpu.als import AlternatingLeastSquares
    except ImportError as error:
        raise InputError(
            "package implicit",
            "it fits the factors, and is not installed",
            'run pip install "penchant[baselines]" (where it has no wheel for this Python or system, build it from source)',
        ) from error
    return AlternatingLeastSquares
