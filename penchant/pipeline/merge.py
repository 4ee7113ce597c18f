"""Merging the lists of several generators into one.

Letters: B rows, k places, G generators, C distinct candidates of a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penchant.contracts import TopK

#: Dampens the lead of first places (Cormack, Clarke and Buettcher, SIGIR 2009).
RANK_OFFSET = 60.0


@dataclass(frozen=True)
class Merged:
    """The candidates of one row, best first.

    Attributes:
        items: int32[C].
        scores: float32[C], the sum over generators of weight / (60 + rank), rank from 1.
        ranks: int32[G, C], the rank each generator gave, 0 where it did not name the item.
        generators: Their names.
    """

    items: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    generators: tuple[str, ...]

    def sources(self, place: int) -> list[str]:
        """The generators that named the item at ``place``, the one that ranked it best first."""
        named = [(rank, index) for index, rank in enumerate(self.ranks[:, place].tolist()) if rank > 0]
        return [self.generators[index] for _, index in sorted(named)]


def merge(lists: Mapping[str, TopK], weights: Mapping[str, float], *, row: int = 0) -> Merged:
    """Weighted reciprocal rank fusion of one row of each generator's lists.

    Args:
        lists: Per generator.
        weights: Per generator; 1 where missing.
        row: Which row.
    """
    names = tuple(lists)
    named = [lists[name].items[row][lists[name].items[row] > 0] for name in names]
    items, place = np.unique(np.concatenate([*named, np.zeros(0, np.int32)]), return_inverse=True)
    ranks = np.zeros((len(names), len(items)), np.int32)
    generator = np.repeat(np.arange(len(names)), [len(part) for part in named])
    ranks[generator, place] = np.concatenate([*(np.arange(1, len(part) + 1) for part in named), np.zeros(0, int)])
    share = np.array([weights.get(name, 1.0) for name in names], np.float32)[:, None]
    scores = (np.where(ranks > 0, share / (RANK_OFFSET + ranks), 0.0)).sum(axis=0).astype(np.float32)
    order = np.lexsort((np.where(ranks > 0, ranks, 1 << 30).min(axis=0, initial=1 << 30), -scores))
    return Merged(items[order].astype(np.int32), scores[order], ranks[:, order], names)
