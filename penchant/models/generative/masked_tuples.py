"""The distinct code tuples of a catalogue, and which of them may come back in a row.

Letters: B rows, N items, U distinct tuples, L levels, K codes of a level, E entries of a list.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from penchant.data.histories import Histories


class CodeTuples:
    """The distinct code tuples of N items, the items of each, and the tuples of each (level, code).

    Args:
        codes: int[N, L]; row j holds the codes of item j + 1.
        codebook: K, above every code.
    """

    def __init__(self, codes: np.ndarray, codebook: int) -> None:
        tuples, tuple_of = np.unique(codes, axis=0, return_inverse=True)
        tuple_of = tuple_of.ravel()
        self.num_items, (self.count, self.levels) = len(codes), tuples.shape
        self.tuples = torch.from_numpy(tuples.astype(np.int32))  # [U, L]
        self.tuple_of = torch.from_numpy(tuple_of.astype(np.int32))  # [N]
        self.held = torch.from_numpy(np.bincount(tuple_of, minlength=self.count))  # int64[U], items of each
        self.items = torch.from_numpy(np.argsort(tuple_of, kind="stable").astype(np.int32)) + 1  # [N], tuple by tuple
        self.first = self.held.cumsum(0) - self.held  # int64[U], where a tuple's items begin
        self.codebook = codebook
        self.posted = torch.from_numpy(np.argsort(tuples, axis=0, kind="stable").T.astype(np.int32))  # [L, U], by code
        self.postings = self.per_code(torch.ones(self.count, dtype=torch.bool))  # int64[L, K], how many
        self.begins = self.postings.cumsum(dim=1) - self.postings  # int64[L, K], where they begin

    def per_code(self, chosen: Tensor) -> Tensor:
        """int64[L, K], how many of the tuples bool[U] have each code."""
        tuples = self.tuples[chosen].long()
        return torch.stack([torch.bincount(tuples[:, level], minlength=self.codebook) for level in range(self.levels)])


class Allowance:
    """What may come back in each row.

    Args:
        tuples: Of all items.
        rows: B.
        exclude: B rows of items that may not.
        allowed: bool[N + 1], items that may at all; None: all.
    """

    def __init__(self, tuples: CodeTuples, rows: int, exclude: Histories | None, allowed: Tensor | None) -> None:
        self.of, self.allowed = tuples, allowed
        held, self.common = tuples.held, tuples.postings
        if allowed is not None:
            held = torch.bincount(tuples.tuple_of[allowed[1:]], minlength=tuples.count)
            self.common = tuples.per_code(held > 0)
        self.open = held > 0  # bool[U]
        pairs = np.zeros(0, np.int64) if exclude is None else exclude.rows * (tuples.num_items + 1) + exclude.items
        self.gone = torch.from_numpy(np.unique(pairs))  # sorted (row, item)
        row, item = self.gone // (tuples.num_items + 1), self.gone % (tuples.num_items + 1)
        if allowed is not None:
            row, item = row[allowed[item]], item[allowed[item]]
        shut, times = torch.unique(row * tuples.count + tuples.tuple_of[item - 1], return_counts=True)
        self.shut = shut[times == held[shut % tuples.count]]  # sorted (row, tuple) whose items are all excluded
        self.rows = rows

    def counts(self, slots: Tensor) -> Tensor:
        """int64[B, K], open tuples of each code of each row's slot int64[B]."""
        row, which = self.shut // self.of.count, self.shut % self.of.count
        out = self.common[slots].clone()
        return out.index_put_((row, self.of.tuples[which, slots[row]].long()), torch.tensor(-1), accumulate=True)

    def lets(self, rows: Tensor, tuples: Tensor) -> Tensor:
        """bool[E], whether an item of each tuple may come back in its row."""
        return self.open[tuples] & ~among(rows * self.of.count + tuples, self.shut)

    def lets_item(self, rows: Tensor, items: Tensor) -> Tensor:
        """bool[E], whether each item may come back in its row."""
        free = ~among(rows * (self.of.num_items + 1) + items, self.gone)
        return free if self.allowed is None else free & self.allowed[items]


def ranges(starts: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers of all ranges ``starts[j] : starts[j] + counts[j]`` one after another, and the j of each."""
    which = torch.repeat_interleave(torch.arange(len(counts)), counts)
    return which, starts[which] + torch.arange(len(which)) - (counts.cumsum(0) - counts)[which]


def among(wanted: Tensor, keys: Tensor) -> Tensor:
    """bool[E], whether each is one of the sorted keys."""
    if not len(keys):
        return torch.zeros_like(wanted, dtype=torch.bool)
    return keys[torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)] == wanted
