"""Search by vectors that learnt from queries: one projection of queries, one of items, over vectors of texts that stay as they are.

A language model writes queries for some items; what it knows of how people ask is learnt here and holds for every item, at the cost of
two products. At first both projections change nothing, so that nothing is lost where there is nothing to learn.

Letters: B queries of a batch, N items, D width of vectors, P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.contracts import Losses
from penchant.core.errors import require
from penchant.core.seeds import generator

_SCALE = 20.0  # what a cosine counts, in logits


@dataclass(frozen=True)
class QueryBatch:
    """Queries with their items.

    Attributes:
        queries: float32[B, D].
        items: int64[B].
    """

    queries: Tensor
    items: Tensor

    @property
    def num_targets(self) -> int:
        """Queries."""
        return len(self.items)

    def to(self, device: torch.device | str) -> QueryBatch:
        return QueryBatch(**{field.name: getattr(self, field.name).to(device) for field in fields(self)})


class QueryProjection(nn.Module):
    """Scores items for queries.

    Args:
        vectors: float32[N + 1, D] of items; row 0 is zeros. They are not trained.
    """

    vectors: Tensor

    def __init__(self, vectors: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.from_numpy(np.ascontiguousarray(vectors, np.float32)))
        width = vectors.shape[1]
        self.of_query, self.of_item = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        for one in (self.of_query, self.of_item):
            nn.init.zeros_(one.weight)

    def queries(self, vectors: Tensor) -> Tensor:
        """float32[B, D], unit vectors of queries from those of their texts, float32[B, D]."""
        return F.normalize(vectors + self.of_query(vectors), dim=-1)

    def items(self, codes: Tensor) -> Tensor:
        """float32[B, D], unit vectors of items, int64[B]."""
        vectors = self.vectors[codes]
        return F.normalize(vectors + self.of_item(vectors), dim=-1)

    def loss(self, batch: QueryBatch) -> Losses:
        """Softmax cross-entropy over the items of the batch; the same item under another query is no negative."""
        logits = _SCALE * self.queries(batch.queries) @ self.items(batch.items).T
        same = (batch.items[:, None] == batch.items) & ~torch.eye(len(batch.items), dtype=torch.bool, device=logits.device)
        found = F.cross_entropy(logits.masked_fill(same, -torch.inf), torch.arange(len(logits), device=logits.device))
        return Losses(found, {"queries": found.detach()})

    @torch.no_grad()
    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """int64[B, k], codes of items, best first.

        Args:
            queries: float32[B, D], vectors of their texts.
            k: Places; at most N.
        """
        scores = self.queries(torch.from_numpy(np.ascontiguousarray(queries, np.float32))) @ self.items(torch.arange(len(self.vectors))).T
        scores[:, 0] = -torch.inf
        return scores.argsort(dim=1, descending=True, stable=True)[:, : min(k, len(self.vectors) - 1)].numpy()


class QueryBatches:
    """Pairs of query and item; see ``penchant.data.batches.Batches``.

    Args:
        queries: float32[P, D].
        items: int64[P].
        size: B.
        seed: Of the order.
    """

    def __init__(self, queries: np.ndarray, items: np.ndarray, *, size: int = 256, seed: int = 0) -> None:
        require(len(items) > 0, "0 pairs", "search is learnt from queries with their items", "write some, or keep more of them")
        self.pairs, self.size, self.seed = QueryBatch(torch.from_numpy(queries), torch.from_numpy(items)), size, seed

    def plan(self, epoch: int) -> list[np.ndarray]:
        """See ``penchant.data.batches.Batches``."""
        order = generator(self.seed, epoch).permutation(len(self.pairs.items))
        return [order[start : start + self.size] for start in range(0, len(order), self.size)]

    def batch(self, rows: np.ndarray) -> QueryBatch:
        """See ``penchant.data.batches.Batches``."""
        return QueryBatch(self.pairs.queries[rows], self.pairs.items[rows])
