"""What may not be generated, while it is generated: prefixes below which no item is left are closed.

Two kinds of items are left out: those that no row may be given (``allowed``: not in stock, of another category), and each
row's own (``exclude``). The leaves below a node are a range, so one running sum over the leaves tells how many allowed items
lie below any node; the nodes above a row's own items are counted one by one. A beam that holds open prefixes only always
leads somewhere: with a beam of w, w items come back whenever a row may be given w.

Letters: B rows, N items, M nodes of the trie, E (row, node) pairs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.data.histories import Histories
from penchant.items.trie import CodeTrie


class ClosedPrefixes:
    """Which (row, node) pairs have nothing left below them.

    Args:
        trie: The trie.
        exclude: B rows of items that must not come back.
        allowed: bool[N + 1], items that may come back in any row; None: all.
    """

    def __init__(self, trie: CodeTrie, exclude: Histories | None, allowed: Tensor | None) -> None:
        self.trie = trie
        open_leaves = None if allowed is None else allowed.numpy()[trie.leaf_items]
        #: int32[N + 1], allowed items on the leaves before each.
        self.before = None if open_leaves is None else np.concatenate([np.zeros(1, np.int32), np.cumsum(open_leaves, dtype=np.int32)])
        self.keys = np.zeros(0, np.int64)
        if exclude is not None and exclude.num_events:
            pairs = np.unique(exclude.rows * (trie.num_items + 1) + exclude.items)
            rows, items = np.divmod(pairs, trie.num_items + 1)
            if allowed is not None:
                rows, items = rows[allowed.numpy()[items]], items[allowed.numpy()[items]]
            keys, excluded = np.unique(rows[:, None] * trie.num_nodes + trie.path(items), return_counts=True)
            self.keys = keys[excluded == self._allowed_below(keys % trie.num_nodes)]

    @classmethod
    def of(cls, trie: CodeTrie, exclude: Histories | None, allowed: Tensor | None) -> ClosedPrefixes | None:
        """None where nothing is left out."""
        return cls(trie, exclude, allowed) if allowed is not None or (exclude is not None and exclude.num_events) else None

    def __call__(self, rows: Tensor, nodes: Tensor) -> Tensor:
        """bool[E], whether each (row, node) of int64[E] is closed."""
        closed = np.zeros(len(nodes), bool) if self.before is None else self._allowed_below(nodes.numpy()) == 0
        if len(self.keys):
            wanted = rows.numpy() * self.trie.num_nodes + nodes.numpy()
            place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
            closed |= self.keys[place] == wanted
        return torch.from_numpy(closed)

    def _allowed_below(self, nodes: np.ndarray) -> np.ndarray:
        if self.before is None:
            return self.trie.items_below(nodes)
        first, end = self.trie.leaves_below(nodes)
        return self.before[end] - self.before[first]


def allowed_items(allowed: np.ndarray | None, num_items: int) -> Tensor | None:
    """The items that a caller allows, bool[N + 1], as a tensor.

    Raises:
        InputError: It has another shape, or is not of truth values.
    """
    if allowed is None:
        return None
    require(
        allowed.shape == (num_items + 1,) and allowed.dtype == np.bool_,
        f"allowed of shape {allowed.shape}, {allowed.dtype}",
        f"it says of padding and of each of {num_items} items whether it may come back",
        f"pass bool[{num_items + 1}]",
    )
    return torch.from_numpy(allowed)
