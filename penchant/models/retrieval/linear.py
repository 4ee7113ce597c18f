"""Linear item-to-item models: scores are ``x @ B`` for the user's set of items x and a matrix B.

EASE: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, arXiv:1905.03375, equations 5-8.
Item-kNN: cosine neighbours with shrinkage, the k nearest of each item kept.

Letters: B rows, N items, M items kept by the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy import linalg, sparse
from torch import Tensor

from penchant.contracts import TopK
from penchant.core.artifacts import read_artifact, write_artifact
from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.models.retrieval.scored import recommend_by_score


def user_item(histories: Histories, num_items: int) -> sparse.csr_matrix:
    """float32[R, N + 1], 1 where a row has an item, however often."""
    pairs = np.unique(histories.rows * (num_items + 1) + histories.items)
    rows, items = np.divmod(pairs, num_items + 1)
    return sparse.csr_matrix((np.ones(len(pairs), np.float32), (rows, items)), shape=(len(histories), num_items + 1))


class LinearItemModel:
    """Scores by summing rows of an item-to-item matrix.

    Args:
        weights: float32[M, M] dense, or sparse of that shape.
        kept: int32[M], the items the matrix is about; the others always score 0.
        num_items: N.
    """

    KIND = "linear"

    def __init__(self, weights: np.ndarray | sparse.csr_matrix, kept: np.ndarray, num_items: int) -> None:
        self.weights, self.kept, self.num_items = weights, kept, num_items
        self.places = np.full(num_items + 1, -1, np.int64)
        self.places[kept] = np.arange(len(kept))

    def score(self, histories: Histories) -> Tensor:
        """float32[B, N + 1]; column 0 is ``-inf``."""
        x = user_item(histories, self.num_items)[:, self.kept]
        product = x @ self.weights
        scores = np.zeros((len(histories), self.num_items + 1), np.float32)
        scores[:, self.kept] = product.toarray() if isinstance(product, sparse.csr_matrix) else product
        scores[:, 0] = -np.inf
        return torch.from_numpy(scores)

    def recommend(self, histories: Histories, k: int, *, exclude: Histories | None = None) -> TopK:
        """The k best items a row by exact scores of the whole catalogue."""
        return recommend_by_score(self, histories, k, exclude)

    def contributions(self, history: Histories, item: int) -> np.ndarray:
        """float32[n], what each event of the one row in ``history`` adds to the score of ``item``. They sum to the score
        when no item repeats.
        """
        to = self.places[item]
        out = np.zeros(history.num_events, np.float32)
        known = self.places[history.items] >= 0
        if to >= 0 and known.any():
            column = self.weights[self.places[history.items[known]], to]
            out[known] = column.toarray().ravel() if isinstance(column, sparse.csr_matrix) else column
        return out

    def save(self, folder: Path) -> None:
        """Write the artifact."""
        if isinstance(self.weights, sparse.csr_matrix):
            matrix: dict[str, np.ndarray] = {"data": self.weights.data, "indices": self.weights.indices, "indptr": self.weights.indptr}
        else:
            matrix = {"dense": self.weights}
        with write_artifact(folder, kind=self.KIND, settings={"num_items": self.num_items}) as out:
            out.tensors("weights", {**matrix, "kept": self.kept})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Restore a saved model."""
        saved = read_artifact(folder, kind=cls.KIND)
        parts = saved.arrays("weights")
        kept = parts["kept"]
        if "dense" in parts:
            weights: np.ndarray | sparse.csr_matrix = parts["dense"]
        else:
            weights = sparse.csr_matrix((parts["data"], parts["indices"], parts["indptr"]), shape=(len(kept), len(kept)))
        return cls(weights, kept, saved.manifest.settings["num_items"])


def ease(train: Histories, num_items: int, *, l2: float = 200.0, max_items: int = 20_000) -> LinearItemModel:
    """Fit EASE in closed form: B = I - P / diag(P) with P = (X'X + l2 I)^-1, zero diagonal.

    Args:
        l2: Strength of the ridge.
        max_items: The matrix is dense (4 bytes x M^2), so only the M most popular items take part.
    """
    require(l2 > 0, f"l2={l2}", "EASE needs a positive ridge", "pass l2>0")
    x = user_item(train, num_items)
    kept = most_popular(x, max_items)
    x = x[:, kept]
    gram = (x.T @ x).toarray().astype(np.float32)
    gram[np.diag_indices_from(gram)] += l2
    (invert,) = linalg.get_lapack_funcs(("potri",), (gram,))
    inverse = invert(linalg.cholesky(gram, lower=True, overwrite_a=True, check_finite=False), lower=1, overwrite_c=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return LinearItemModel(np.ascontiguousarray(weights, np.float32), kept, num_items)


def item_knn(train: Histories, num_items: int, *, neighbours: int = 100, shrink: float = 10.0, max_items: int = 20_000) -> LinearItemModel:
    """Fit item-kNN: the cosine of two items' user sets, shrunk by ``shrink`` users; each item keeps its nearest.

    Only the ``max_items`` most popular items take part, as long histories make the co-occurrence matrix dense.
    """
    require(neighbours >= 1, f"neighbours={neighbours}", "an item needs at least one neighbour", "pass neighbours>=1")
    x = user_item(train, num_items)
    kept = most_popular(x, max_items)
    x = x[:, kept]
    common = (x.T @ x).tocsr()
    norms = np.sqrt(np.asarray(x.sum(axis=0)).ravel())
    rows = np.repeat(np.arange(len(kept)), np.diff(common.indptr))
    common.data = common.data / (norms[rows] * norms[common.indices] + shrink)
    common.data[rows == common.indices] = 0.0
    order = np.lexsort((-common.data, rows))  # by row, the nearest first
    place = np.arange(len(order)) - np.repeat(common.indptr[:-1], np.diff(common.indptr))
    best = order[(place < neighbours) & (common.data[order] > 0)]
    nearest = sparse.csr_matrix((common.data[best], (common.indices[best], rows[best])), shape=common.shape, dtype=np.float32)
    return LinearItemModel(nearest, kept, num_items)


def most_popular(x: sparse.csr_matrix, count: int) -> np.ndarray:
    """int32[M], the at most ``count`` items with the most users, in code order; items without users are left out."""
    users = np.asarray(x.sum(axis=0)).ravel()
    best = np.argsort(-users, kind="stable")[:count]
    return np.sort(best[users[best] > 0]).astype(np.int32)
