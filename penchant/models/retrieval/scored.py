"""Recommending by scoring the whole catalogue in blocks of rows, for models without a network."""

from __future__ import annotations

import numpy as np
import torch

from penchant.contracts import Scorer, TopK
from penchant.data.histories import Histories
from penchant.ranking import blocks_of, check_request, exclude_, join, top_k


def recommend_by_score(model: Scorer, histories: Histories, k: int, exclude: Histories | None) -> TopK:
    """The k best items a row by ``model.score``; see ``Retriever.recommend``."""
    check_request(histories, k, model.num_items, exclude)
    parts = []
    for block in blocks_of(len(histories), model.num_items):
        rows = np.arange(block.start, block.stop)
        parts.append(top_k(exclude_(model.score(histories.take(rows)), None if exclude is None else exclude.take(rows)), k))
    return join(parts, k)


def inner_products(queries: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """float32[B, N + 1] from float32[B, W] and float32[N + 1, W]; column 0 is ``-inf``.

    Items that the same users had may have the very same vector. They score the same, whatever the batch, because the
    sums are made in float64 and only then rounded; in float32 the order of a product's terms would decide between them.
    """
    return exclude_((queries.double() @ items.double().T).float(), None)
