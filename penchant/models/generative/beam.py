"""Batched beam search over the code trie: no Python over rows, beams or items, and every result is a real item.

Items that may not come back are taken out while decoding (``beam_filters``), so a beam holds only prefixes that lead
somewhere: with a beam of w, w items come back whenever there are w.

How children are found and laid out (``Children``) is shared by all searches; they differ in which children they keep. The
searches with other rules, and the one that goes on until it is exact, are in ``decoding``, ``sampled`` and ``diverse``.

Letters: B rows, w beam, L levels, K_l codes of level l, M nodes of the trie, E children, N items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie
from penchant.models.generative.beam_filters import ClosedPrefixes

#: Log-probabilities of the codes of the next level, all finite: codes chosen so far int64[B, w, l] -> float32[B, w, K_l].
LevelLogProbs = Callable[[Tensor], Tensor]
#: Whether nothing may come back below (row, node) pairs: rows int64[E], nodes int64[E] -> bool[E].
Closed = Callable[[Tensor, Tensor], Tensor]


class TrieTensors:
    """The arrays of a trie that a search reads, as tensors as narrow as they are; what is looked up in them is widened."""

    def __init__(self, trie: CodeTrie) -> None:
        self.trie, self.levels, self.first_leaf = trie, trie.levels, trie.first_leaf
        self.largest_code = int(trie.codes.max())
        self.offsets = torch.from_numpy(trie.offsets)
        self.codes = torch.from_numpy(trie.codes)
        self.leaf_items = torch.from_numpy(trie.leaf_items)

    def items_at(self, nodes: Tensor, scores: Tensor) -> Tensor:
        """int64[...], the items of leaves int64[...]; 0 where the score is ``-inf``."""
        items = self.leaf_items[(nodes - self.first_leaf).clamp_(min=0)].long()
        return items.masked_fill(torch.isneginf(scores), 0)


@dataclass(frozen=True)
class Beams:
    """Prefixes that a search holds.

    Attributes:
        nodes: int64[B, w].
        scores: float32[B, w], their log-probabilities; ``-inf`` where there is no prefix.
        chosen: int64[B, w, l], their codes.
    """

    nodes: Tensor
    scores: Tensor
    chosen: Tensor

    @classmethod
    def roots(cls, rows: int) -> Beams:
        """One empty prefix a row."""
        return cls(torch.zeros(rows, 1, dtype=torch.long), torch.zeros(rows, 1), torch.zeros(rows, 1, 0, dtype=torch.long))


class Children:
    """The open children of all beams, in a table with the children of a row side by side: one top-k serves all rows.

    Args:
        trie: Of all items.
        beams: Of B rows.
        log_probs: float32[B, w, K_l], of the codes that may follow.
        closed: Children to be left out.
        floor: float32[B]; children of a lower score are left out.

    Attributes:
        parents: int64[E], the flat beam (row * w + beam) of each child.
        codes: int64[E].
        nodes: int64[E].
        log_probs: float32[E], of each child's code after its parent.
        scores: float32[E], log-probabilities of the prefixes.
    """

    def __init__(
        self, trie: TrieTensors, beams: Beams, log_probs: Tensor, closed: Closed | None = None, floor: Tensor | None = None
    ) -> None:
        rows, width = beams.nodes.shape
        self.beams, starts = beams, trie.offsets[beams.nodes].long()
        counts = (trie.offsets[beams.nodes + 1] - starts).masked_fill_(torch.isneginf(beams.scores), 0).view(-1)
        parents = torch.repeat_interleave(counts)
        nodes = torch.arange(1, len(parents) + 1) + (starts.view(-1) - counts.cumsum(0) + counts)[parents]
        if closed is not None:
            shut = closed(parents // width, nodes)
            if bool(shut.any()):
                left = torch.nonzero(~shut)[:, 0]
                parents, nodes = parents[left], nodes[left]
        codes = trie.codes[nodes - 1].long()
        steps = log_probs.reshape(-1, log_probs.shape[-1])[parents, codes]
        scores = beams.scores.reshape(-1)[parents] + steps
        if floor is not None:
            left = torch.nonzero(scores >= floor[parents // width])[:, 0]
            parents, nodes, codes, steps, scores = (one[left] for one in (parents, nodes, codes, steps, scores))
        self.parents, self.codes, self.nodes, self.log_probs, self.scores = parents, codes, nodes, steps, scores
        self.place: Tensor | None = None  # int64[E], where the children stand in the flat table
        self.shape = 1, len(parents)
        if rows != 1 or not len(parents):  # else the children of the only row are the table
            row_counts = torch.bincount(parents // width, minlength=rows)
            self.shape = rows, max(1, int(row_counts.max())) if rows else 1
            starts = self.shape[1] * torch.arange(rows) - row_counts.cumsum(0) + row_counts
            self.place = torch.arange(len(parents)) + starts[parents // width]

    def table(self, values: Tensor) -> Tensor:
        """[B, C] of values [E] of the children, ``-inf`` (0 if integers) where a row has fewer than C of them."""
        if self.place is None:
            return values[None]
        empty = -torch.inf if values.is_floating_point() else 0
        return values.new_full((self.shape[0] * self.shape[1],), empty).index_copy_(0, self.place, values).view(self.shape)

    def keep(self, best: Tensor, scores: Tensor) -> Beams:
        """The children at the places int64[B, w] of the table, as beams of these scores float32[B, w]."""
        if not len(self.nodes):
            return Beams(torch.zeros_like(best), scores, best.new_zeros(*best.shape, self.beams.chosen.shape[2] + 1))
        picked = self.index.gather(1, best)
        chosen = torch.cat([self.beams.chosen.flatten(0, 1)[self.parents[picked]], self.codes[picked][..., None]], dim=-1)
        return Beams(self.nodes[picked], scores, chosen)

    @cached_property
    def index(self) -> Tensor:
        """int64[B, C], which child stands at each place of the table."""
        return self.table(torch.arange(len(self.scores)))


@dataclass(frozen=True)
class Found:
    """What a beam search found.

    Attributes:
        items: int64[B, w], best first; 0 where none is left.
        scores: float32[B, w], their log-probabilities; ``-inf`` where none is left.
        bound: float32[B], the highest score of a prefix that was dropped. As log-probabilities only fall along a path, no
            item that is not among ``items`` has a higher one.
    """

    items: Tensor
    scores: Tensor
    bound: Tensor

    def certified(self, k: int) -> Tensor:
        """bool[B], whether the first k items of a row are exactly its k best."""
        # A list of fewer places is that short because nothing was dropped.
        return (self.scores[:, min(k, self.scores.shape[1]) - 1] >= self.bound) | torch.isneginf(self.bound)


def beam_search(
    trie: TrieTensors,
    rows: int,
    log_probs: LevelLogProbs,
    *,
    width: int,
    exclude: Histories | None = None,
    allowed: Tensor | None = None,
    floor: Tensor | None = None,
) -> Found:
    """The most probable items of each row, as far as a beam of ``width`` finds them.

    Args:
        trie: Of all items.
        rows: B.
        log_probs: Of the codes of a level after the codes chosen so far.
        width: Prefixes kept a level.
        exclude: B rows of items that must not come back.
        allowed: bool[N + 1], items that may come back in any row; None: all.
        floor: float32[B], scores below which nothing is wanted; what is dropped because of it does not count for the bound.
    """
    closed = ClosedPrefixes.of(trie.trie, exclude, allowed)
    beams, bound = Beams.roots(rows), torch.full((rows,), -torch.inf)
    for _ in range(trie.levels):
        children = Children(trie, beams, log_probs(beams.chosen), closed, floor)
        scores, best = children.table(children.scores).topk(min(width + 1, children.shape[1]), dim=1)
        if scores.shape[1] > width:
            bound = torch.maximum(bound, scores[:, width])
        beams = children.keep(best[:, :width], scores[:, :width])
    return Found(trie.items_at(beams.nodes, beams.scores), beams.scores, bound)


def listed(items: Tensor, scores: Tensor, k: int) -> TopK:
    """The first k of items int64[B, w] and their scores, best first, filled up where w < k."""
    missing = max(0, k - items.shape[1])
    scores, order = scores[:, :k].sort(dim=1, descending=True, stable=True)  # some searches have an order of their own
    items, scores = F.pad(items[:, :k].gather(1, order), (0, missing)), F.pad(scores, (0, missing), value=-torch.inf)
    return TopK(items.numpy().astype(np.int32), scores.numpy().astype(np.float32))
