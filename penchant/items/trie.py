"""The code trie: which code may follow which prefix, as flat CSR arrays.

Nodes are numbered breadth first, the root is 0. So the children of a node are neighbours, the edge with number e
leads to node e + 1, and the leaves are the last N nodes, in the order of their codes: below every node lies a range of
leaves. That makes 10 bytes a node, 2 of a leaf, and 8 bytes an item.

Letters: N items, L levels, M nodes, I = M - N of them no leaves.
"""

from __future__ import annotations

import numpy as np

from penchant.core.errors import InputError, require


class CodeTrie:
    """A trie over the codes of N items.

    Args:
        codes: int[N, L]; row j holds the codes of item j + 1, each >= 0 and every row distinct.

    Attributes:
        offsets: int32[I + 1]; node n has the edges ``offsets[n]:offsets[n + 1]``.
        codes: int16[M - 1] (int32 where codes are larger); the code on each edge. Edge e leads to node e + 1.
        leaf_items: int32[N]; the item of leaf ``first_leaf + j``.
        leaf_of: int32[N + 1]; the j of each item's leaf (row 0 is 0).
        first_below: int32[I + 1]; the j of the first leaf below each node, and a 0 at the end.
        level_starts: int[L + 2]; level l (the root is level 0) owns the nodes ``level_starts[l]:level_starts[l + 1]``.

    Raises:
        InputError: There is no item or level, a code is negative, or two items share all codes.
    """

    def __init__(self, codes: np.ndarray) -> None:
        require(
            codes.ndim == 2 and codes.size > 0,
            f"codes of shape {codes.shape}",
            "a trie needs items and levels",
            "pass int[N, L] with N, L >= 1",
        )
        require(int(codes.min()) >= 0, f"code {int(codes.min())}", "codes are not negative", "leave the padding row out")
        num_items, self.levels = codes.shape
        order = np.lexsort(codes.T[::-1])
        ranked = codes[order]
        differs = np.ones((num_items, self.levels), bool)  # differs[j, l]: the prefix up to level l is not that of the row above
        differs[1:] = np.logical_or.accumulate(ranked[1:] != ranked[:-1], axis=1)
        if not differs[:, -1].all():
            twin = int(np.flatnonzero(~differs[:, -1])[0])
            raise InputError(
                f"items {order[twin - 1] + 1} and {order[twin] + 1} share the codes {ranked[twin].tolist()}",
                "every item of a trie needs its own codes",
                "append a level with unique_codes(...)",
            )
        counts = differs.sum(axis=0)
        self.level_starts = np.concatenate([[0, 1], 1 + np.cumsum(counts)]).astype(np.int64)
        nodes = self.level_starts[1:-1] + np.cumsum(differs, axis=0) - 1  # [N, L], in ranked order
        parents = np.concatenate([np.zeros((num_items, 1), np.int64), nodes[:, :-1]], axis=1)
        edge_parents = np.concatenate([parents[differs[:, level], level] for level in range(self.levels)])
        self.codes = np.concatenate([ranked[differs[:, level], level] for level in range(self.levels)])
        self.codes = self.codes.astype(np.int16 if int(codes.max()) < 2**15 else np.int32)
        degree = np.bincount(edge_parents, minlength=self.first_leaf)
        self.offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(degree)]).astype(np.int32)
        self.leaf_items = (order + 1).astype(np.int32)
        self.leaf_of = np.zeros(num_items + 1, np.int32)
        self.leaf_of[order + 1] = np.arange(num_items)
        begins = [np.flatnonzero(differs[:, level]) for level in range(self.levels - 1)]
        self.first_below = np.concatenate([[0], *begins, [0]]).astype(np.int32)

    @property
    def num_items(self) -> int:
        return len(self.leaf_items)

    @property
    def num_nodes(self) -> int:
        return int(self.level_starts[-1])

    @property
    def first_leaf(self) -> int:
        return int(self.level_starts[self.levels])

    @property
    def nbytes(self) -> int:
        """Memory of all arrays."""
        return sum(one.nbytes for one in (self.offsets, self.codes, self.leaf_items, self.leaf_of, self.first_below))

    def leaves_below(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The range of leaves below each of int[...] nodes, as int[...] first and end; a leaf has its own."""
        inner = np.minimum(nodes, self.first_leaf - 1)
        first, after = self.first_below[inner], self.first_below[inner + 1]
        # The last node of a level is followed by the first one of the next, below which the leaves begin anew.
        end = np.where(after <= first, self.num_items, after)
        leaf = nodes - self.first_leaf
        return np.where(leaf >= 0, leaf, first), np.where(leaf >= 0, leaf + 1, end)

    def items_below(self, nodes: np.ndarray) -> np.ndarray:
        """How many items lie below each of int[...] nodes; a leaf has its own."""
        first, end = self.leaves_below(nodes)
        return end - first

    def path(self, items: np.ndarray) -> np.ndarray:
        """int64[..., L], the node of each item of int[...] at each level."""
        leaves = self.leaf_of[items]
        levels = zip(self.level_starts[1:-2], self.level_starts[2:-1], strict=True)
        inner = [start + np.searchsorted(self.first_below[start:end], leaves, side="right") - 1 for start, end in levels]
        return np.stack([*inner, self.first_leaf + leaves.astype(np.int64)], axis=-1)

    def find(self, prefix: tuple[int, ...]) -> int:
        """The node of a prefix.

        Raises:
            InputError: No item has that prefix.
        """
        node = 0
        for depth, code in enumerate(prefix):
            children = self.codes[self.offsets[node] : self.offsets[node + 1]] if depth < self.levels else np.zeros(0, np.int32)
            place = int(np.searchsorted(children, code))
            require(
                place < len(children) and int(children[place]) == code,
                f"prefix={list(prefix)}",
                f"no item has these codes (the first {depth} are known)",
                "walk down from the root",
            )
            node = int(self.offsets[node]) + place + 1
        return node
