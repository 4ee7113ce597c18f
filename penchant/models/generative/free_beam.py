"""Beam search that does not look at the trie: whatever codes are likeliest, of which those that name no item are dropped.

What a generator does without constrained decoding. It shows what the trie is worth (GRID, arXiv:2507.22224); for anything else
use another search, which never comes back with fewer items than it could.

Letters: B rows, w beam, L levels, K_l codes of level l, N items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.models.generative.decoding import Task, check_width

MOST = 2**62  # tuples of codes that one number can tell apart


@dataclass(frozen=True)
class Free:
    """A search that departs from what a ``Search`` promises: it may give fewer items than there are.

    Args:
        codes: int[N + 1, L], rows 1..N all distinct.
        width: Prefixes kept a level; a longer list widens it.

    Raises:
        InputError: There are too many tuples of codes to number them.
    """

    codes: Tensor
    width: int = 50

    def __post_init__(self) -> None:
        check_width(self.width)
        tuples = math.prod(self.sizes)
        require(tuples <= MOST, f"{tuples:.1e} tuples of codes", f"at most {MOST:.1e} can be numbered", "use fewer levels or codes")

    @property
    def sizes(self) -> list[int]:
        """K_1..K_L."""
        return [int(most) + 1 for most in self.codes.amax(dim=0)]

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """Items int64[B, w], best first (0 where none is left), and their log-probabilities float32[B, w] (``-inf`` there)."""
        scores, chosen = torch.zeros(task.rows, 1), torch.zeros(task.rows, 1, 0, dtype=torch.long)
        log_probs, sizes = task.log_probs(slice(None)), self.sizes
        for size in sizes:
            found = (scores[..., None] + log_probs(chosen)).flatten(1)
            scores, best = found.topk(min(max(self.width, places), found.shape[1]), dim=1)
            parents = chosen.gather(1, (best // size)[..., None].expand(-1, -1, chosen.shape[2]))
            chosen = torch.cat([parents, (best % size)[..., None]], dim=-1)
        items = _named(self.codes, sizes, chosen)
        gone = items == 0
        if task.allowed is not None:
            gone |= ~task.allowed[items]
        if task.exclude is not None and task.exclude.num_events:
            row = torch.arange(task.rows)[:, None] * len(self.codes)
            gone |= torch.isin(row + items, torch.from_numpy(task.exclude.rows * len(self.codes) + task.exclude.items))
        scores, order = scores.masked_fill(gone, -torch.inf).sort(dim=1, descending=True, stable=True)
        items = items.gather(1, order).masked_fill(torch.isneginf(scores), 0)
        return items[:, :places], scores[:, :places]


def _named(codes: Tensor, sizes: Sequence[int], chosen: Tensor) -> Tensor:
    """int64[B, w], the items of codes int64[B, w, L]; 0 where no item has them."""
    weights = torch.tensor([math.prod(sizes[level + 1 :]) for level in range(len(sizes))])
    known, items = (codes[1:].long() * weights).sum(dim=-1).sort()
    wanted = (chosen * weights).sum(dim=-1)
    place = torch.searchsorted(known, wanted).clamp_(max=len(known) - 1)
    return torch.where(known[place] == wanted, items[place] + 1, 0)
