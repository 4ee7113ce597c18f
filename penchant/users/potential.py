"""Potential interests: categories that a user has nothing of, told by what people with the same interests have.

Letters: U users, G categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

_NEVER = 1e-6  # share that stands for none


@dataclass(frozen=True)
class Adoption:
    """How the categories of users go together.

    Attributes:
        common: float32[G + 1], share of all users that have a category.
        kept: int64[K], the categories that most users have, of which is told what they go with: pairs take K times K numbers.
        lift: float32[K, K], logarithm of how much more often those who have the row's category have the column's than all do, shrunk
            towards 0.
    """

    common: np.ndarray
    kept: np.ndarray
    lift: np.ndarray

    @classmethod
    def of(cls, has: sparse.csr_matrix, *, prior: float = 20.0, most: int = 5_000) -> Self:
        """Count.

        Args:
            has: bool[U, G + 1].
            prior: Users of whom nothing but ``common`` is known, beside those who have a category.
            most: K at most.
        """
        ones = sparse.csr_matrix(has, dtype=np.float32)
        count = np.asarray(ones.sum(axis=0)).ravel()
        share = (count / max(len(ones.indptr) - 1, 1)).astype(np.float32)
        kept = np.sort(np.argsort(-count, kind="stable")[:most])
        common, had = share[kept], ones[:, kept]
        together = ((had.T @ had).toarray() + prior * common) / (count[kept, None] + prior)
        return cls(share, kept, (np.log(together + _NEVER) - np.log(common + _NEVER)).astype(np.float32))

    def scores(self, held: np.ndarray) -> np.ndarray:
        """float32[G + 1], of each category for somebody who has those of int[h]: naive Bayes over what people have.

        Each category that is there adds its lift, divided by the square root of their number, as they do not come independently.
        """
        found = np.log(self.common + _NEVER)
        rows = np.flatnonzero(np.isin(self.kept, held))
        found[self.kept] += self.lift[rows].sum(axis=0) / np.sqrt(max(len(rows), 1))
        return found
