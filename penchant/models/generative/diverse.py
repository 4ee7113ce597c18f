"""Diverse beam search: groups of beams that are kept apart (Vijayakumar et al., AAAI 2018, arXiv:1610.02424).

The groups go through the trie side by side. At each level one after the other keeps its best prefixes, and a code costs
``penalty`` for each prefix that the groups before kept with that code at that level (the paper's Hamming diversity). What
was paid on the way decides which prefixes of a group are kept, else later levels would undo it; scores stay log-probabilities.

Groups may share prefixes but not items: a prefix with one item below it belongs to the first group that takes it.

Letters: B rows, G groups, w beam of a group, C children of a group's beams, K codes of a level.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from penchant.core.errors import require
from penchant.models.generative.beam import Beams, Children
from penchant.models.generative.beam_filters import ClosedPrefixes
from penchant.models.generative.decoding import Task, check_width


@dataclass(frozen=True)
class Diverse:
    """Lists made of the best of each group in turn: the first of every group, the second of every group, and so on.

    Args:
        groups: G; with one, or without a penalty for it, this is ordinary beam search.
        penalty: In units of log-probability.
        width: Prefixes kept a level by all groups together; a longer list widens it.
    """

    groups: int = 5
    penalty: float = 1.0
    width: int = 50

    def __post_init__(self) -> None:
        check_width(self.width)
        require(self.groups >= 1, f"groups={self.groups}", "beams are in one group at least", "pass groups>=1")
        require(self.penalty >= 0, f"penalty={self.penalty}", "a negative one would make groups alike", "pass penalty>=0")

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """See ``Search``."""
        trie, width = task.trie, -(-max(self.width, places) // self.groups)
        shut = ClosedPrefixes.of(trie.trie, task.exclude, task.allowed)
        closed = None if shut is None else lambda rows, nodes: shut(rows // self.groups, nodes)
        level, beams = task.log_probs(slice(None)), Beams.roots(task.rows * self.groups)  # a group's row is b * G + g
        paid = torch.zeros_like(beams.scores)
        for _ in range(trie.levels):
            chances = level(beams.chosen.unflatten(0, (task.rows, self.groups)).flatten(1, 2))
            children = Children(trie, beams, chances, closed)
            best, scores, paid = self._kept(task, children, paid, width)
            beams = children.keep(best, scores)
        shape = (task.rows, self.groups, beams.nodes.shape[1])
        nodes, scores = (one.view(shape).transpose(1, 2).flatten(1) for one in (beams.nodes, beams.scores))
        items, scores = first_of(trie.items_at(nodes, scores), scores, places)
        short = torch.nonzero(torch.isneginf(scores).any(dim=1))[:, 0]
        if len(short):  # groups that share prefixes may run out of items: the best of all stand in
            rest = task.of(short).beam(places)
            known = (rest.items[:, :, None] == items[short][:, None]).any(dim=2)
            more = torch.cat([scores[short], rest.scores.masked_fill(known, -torch.inf)], dim=1)
            items[short], scores[short] = first_of(torch.cat([items[short], rest.items], dim=1), more, places)
        return items, scores

    def _kept(self, task: Task, children: Children, paid: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
        """What groups keep, each [B * G, w]: places of children in the table, their scores (``-inf``: there is none), what they paid."""
        trie, size = task.trie.trie, (task.rows, self.groups, children.shape[1])
        alone = torch.from_numpy(trie.items_below(children.nodes.numpy()) == 1)
        rows = torch.arange(task.rows).repeat_interleave(self.groups)[:, None]
        keys = rows * trie.num_nodes + children.table(children.nodes.where(alone, 0))  # of prefixes that are not shared
        keys, codes, scores = (one.view(size) for one in (keys, children.table(children.codes), children.table(children.scores)))
        before = children.table(paid.flatten()[children.parents]).masked_fill(torch.isneginf(scores.view(children.shape)), 0).view(size)
        times = torch.zeros(task.rows, task.trie.largest_code + 1)  # how often groups before kept a code
        taken, kept = keys.new_zeros(0), []
        for group in range(self.groups):
            costs = before[:, group] + self.penalty * times.gather(1, codes[:, group])
            ranked = (scores[:, group] - costs).masked_fill(torch.isin(keys[:, group], taken), -torch.inf)
            values, best = ranked.topk(min(width, size[2]), dim=1)
            there = torch.isfinite(values)
            times.scatter_add_(1, codes[:, group].gather(1, best), there.float())
            mine = keys[:, group].gather(1, best)
            taken = torch.cat([taken, mine[there & (mine % trie.num_nodes > 0)]])
            kept.append((best, scores[:, group].gather(1, best).masked_fill(~there, -torch.inf), costs.gather(1, best)))
        best, scores, costs = (torch.stack(one, dim=1).flatten(0, 1) for one in zip(*kept, strict=True))
        return best, scores, costs


def first_of(items: Tensor, scores: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """The first items int64[B, places] that there are, of those with finite scores, in their order; filled up with 0 and ``-inf``."""
    order = torch.isneginf(scores).long().argsort(dim=1, stable=True)[:, :places]
    missing = places - order.shape[1]
    items, scores = items.gather(1, order), scores.gather(1, order)
    return F.pad(items.masked_fill(torch.isneginf(scores), 0), (0, missing)), F.pad(scores, (0, missing), value=-torch.inf)
