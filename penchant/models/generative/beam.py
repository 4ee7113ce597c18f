"""Batched beam search over the code trie: no Python over rows, beams or items, and every result is a real item.

Excluded items are taken out while decoding: a prefix is closed once all items below it are excluded. So with a beam
of w, w items come back whenever w are allowed (a beam only ever holds prefixes that still lead somewhere).

Letters: B rows, w beam, W width, L levels, M nodes of the trie, E edges out of a beam.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.contracts import TopK
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie

#: Log-probabilities of the codes of the next level: codes chosen so far int64[B, w, l] -> float32[B, w, K_l].
LevelLogProbs = Callable[[Tensor], Tensor]


class TrieTensors:
    """The arrays of a trie that a search reads, as tensors as narrow as they are; what is looked up in them is widened."""

    def __init__(self, trie: CodeTrie) -> None:
        self.trie, self.levels, self.first_leaf = trie, trie.levels, trie.first_leaf
        self.offsets = torch.from_numpy(trie.offsets)
        self.codes = torch.from_numpy(trie.codes)
        self.leaf_items = torch.from_numpy(trie.leaf_items)


class ClosedPrefixes:
    """Which (row, node) pairs have nothing left below them.

    Args:
        trie: The trie.
        exclude: B rows of excluded items.
    """

    def __init__(self, trie: CodeTrie, exclude: Histories) -> None:
        pairs = np.unique(exclude.rows * (trie.num_items + 1) + exclude.items)
        rows, items = np.divmod(pairs, trie.num_items + 1)
        keys, excluded = np.unique(rows[:, None] * trie.num_nodes + trie.path(items), return_counts=True)
        self.keys = torch.from_numpy(keys[excluded == trie.items_below(keys % trie.num_nodes)])
        self.num_nodes = trie.num_nodes

    def __call__(self, rows: Tensor, nodes: Tensor) -> Tensor:
        """bool[E], whether each (row, node) is closed."""
        if not len(self.keys):
            return torch.zeros_like(nodes, dtype=torch.bool)
        wanted = rows * self.num_nodes + nodes
        place = torch.searchsorted(self.keys, wanted).clamp_(max=len(self.keys) - 1)
        return self.keys[place] == wanted


def beam_search(
    trie: TrieTensors, rows: int, log_probs: LevelLogProbs, *, width: int, exclude: Histories | None = None
) -> tuple[Tensor, Tensor]:
    """The most probable items of each row, as far as a beam of ``width`` finds them.

    Args:
        trie: Of all items.
        rows: B.
        log_probs: Of the codes of a level after the codes chosen so far.
        width: Prefixes kept a level.
        exclude: B rows of items that must not come back.

    Returns:
        items int64[B, w] best first (0 where none is left) and their log-probabilities float32[B, w] (``-inf`` there).
    """
    closed = ClosedPrefixes(trie.trie, exclude) if exclude is not None and exclude.num_events else None
    nodes = torch.zeros(rows, 1, dtype=torch.long)
    scores = torch.zeros(rows, 1)
    chosen = torch.zeros(rows, 1, 0, dtype=torch.long)
    for level in range(trie.levels):
        per_code = log_probs(chosen)
        starts = trie.offsets[nodes].long()
        counts = trie.offsets[nodes + 1] - starts
        counts = counts.masked_fill(torch.isneginf(scores), 0)
        flat_counts = counts.view(-1)
        beam_of_edge = torch.repeat_interleave(torch.arange(len(flat_counts)), flat_counts)
        within_beam = torch.arange(len(beam_of_edge)) - (flat_counts.cumsum(0) - flat_counts)[beam_of_edge]
        edges = starts.view(-1)[beam_of_edge] + within_beam
        if not len(edges):  # everything is excluded for every row
            return torch.zeros(rows, nodes.shape[1], dtype=torch.long), torch.full((rows, nodes.shape[1]), -torch.inf)
        codes = trie.codes[edges].long()
        edge_scores = scores.view(-1)[beam_of_edge] + per_code.view(-1, per_code.shape[-1])[beam_of_edge, codes]
        row_of_edge = beam_of_edge // nodes.shape[1]
        if closed is not None:
            edge_scores = edge_scores.masked_fill(closed(row_of_edge, edges + 1), -torch.inf)
        # Edges of a row side by side, so that one top-k serves all rows.
        row_counts = counts.sum(dim=1)
        longest = max(1, int(row_counts.max())) if rows else 1
        place = row_of_edge * longest + torch.arange(len(edges)) - (row_counts.cumsum(0) - row_counts)[row_of_edge]
        table = torch.full((rows * longest,), -torch.inf)
        table[place] = edge_scores
        index = torch.zeros(rows * longest, dtype=torch.long)
        index[place] = torch.arange(len(edges))
        scores, best = table.view(rows, longest).topk(min(width, longest), dim=1)
        picked = index.view(rows, longest).gather(1, best)
        nodes = edges[picked] + 1
        if level + 1 < trie.levels:
            parents = beam_of_edge[picked]
            chosen = torch.cat([chosen.flatten(0, 1)[parents], codes[picked][..., None]], dim=-1)
    items = trie.leaf_items[(nodes - trie.first_leaf).clamp_(min=0)].long()
    return items.masked_fill(torch.isneginf(scores), 0), scores


def listed(items: Tensor, scores: Tensor, k: int) -> TopK:
    """The first k of items int64[B, w] and their scores, filled up where w < k."""
    missing = max(0, k - items.shape[1])
    items, scores = F.pad(items[:, :k], (0, missing)), F.pad(scores[:, :k], (0, missing), value=-torch.inf)
    return TopK(items.numpy().astype(np.int32), scores.numpy().astype(np.float32))
