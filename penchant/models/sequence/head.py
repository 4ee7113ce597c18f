"""The dense head of a sequence network: a state against item vectors, by inner product or by cosine.

Letters: B rows, W width, N items, P steps with a target.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.objectives.softmax import FullSoftmax, Objective


class EmbeddingTable:
    """Output vectors that are an embedding's rows, or those rows at unit length.

    Args:
        embedding: N + 1 rows.
        unit: Whether to scale rows to length 1.
        bias: N + 1 rows of width 1; it becomes one more column, so whoever multiplies with the table appends a 1.
    """

    def __init__(self, embedding: nn.Embedding, *, unit: bool, bias: nn.Embedding | None = None) -> None:
        self.embedding, self.unit, self.bias = embedding, unit, bias

    def all(self) -> Tensor:
        """float[N + 1, W], one column more with a bias."""
        rows = self._scaled(self.embedding.weight)
        return rows if self.bias is None else torch.cat([rows, self.bias.weight], dim=-1)

    def some(self, items: Tensor) -> Tensor:
        """float[..., W], one column more with a bias."""
        rows = self._scaled(self.embedding(items))
        return rows if self.bias is None else torch.cat([rows, self.bias(items)], dim=-1)

    def _scaled(self, rows: Tensor) -> Tensor:
        return F.normalize(rows, dim=-1) if self.unit else rows


class ItemHead:
    """Scores and loss of states against item vectors. It owns no weights: the network that has it does.

    Args:
        embedding: N + 1 rows of width W, row 0 ignored; the input table itself where both are tied.
        temperature: Score by cosine / temperature; None by the inner product.
        objective: Next-item loss; the full softmax by default.
        bias: N + 1 rows of width 1, added to the scores.
    """

    def __init__(
        self,
        embedding: nn.Embedding,
        *,
        temperature: float | None = None,
        objective: Objective | None = None,
        bias: nn.Embedding | None = None,
    ) -> None:
        self.table = EmbeddingTable(embedding, unit=temperature is not None, bias=bias)
        self.temperature = temperature
        self.objective = objective or FullSoftmax()

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Mean loss of states [P, W] at items int64[P]."""
        return self.objective(self._query(states), targets, self.table)

    def scores(self, states: Tensor) -> Tensor:
        """[B, W] -> [B, N + 1]."""
        return self._query(states) @ self.table.all().T

    def _query(self, states: Tensor) -> Tensor:
        """States as the item vectors are multiplied with: unit length over the temperature for cosines."""
        states = states if self.temperature is None else F.normalize(states, dim=-1) / self.temperature
        return states if self.table.bias is None else F.pad(states, (0, 1), value=1.0)
