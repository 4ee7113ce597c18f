"""Stochastic beam search: items drawn without replacement, with one pass of a beam (Kool et al., ICML 2019, arXiv:1903.06059).

To each prefix belongs a Gumbel variable around its log-probability, and the greatest of its children's is its own. So the w
items with the greatest are found from the top down by an ordinary beam search over these variables, and they are w draws
without replacement: the first is a draw from the distribution, the second from what is left, and so on.

The distribution is the one that a language model is sampled from under constraints: at each level a softmax of
log-probabilities / temperature over the codes that lead to an item that may come back. At temperature 1, and where all
tuples of codes are items, that is the network's own distribution over items.

Letters: B rows, w places, E children.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from penchant.core.errors import require
from penchant.models.generative.beam import Beams, Children
from penchant.models.generative.beam_filters import ClosedPrefixes
from penchant.models.generative.decoding import Task


@dataclass(frozen=True)
class Sampled:
    """Draws instead of the best: lists that differ from call to call. They stand in the order of the draws.

    Args:
        temperature: Below 1 the draws come closer to the best, above 1 to a walk without preferences.
        generator: What is drawn with; torch's global one by default.
    """

    temperature: float = 1.0
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        value = self.temperature
        require(0 < value < float("inf"), f"temperature={value}", "log-probabilities are divided by it", "pass temperature>0")

    def __call__(self, task: Task, places: int) -> tuple[Tensor, Tensor]:
        """See ``Search``."""
        closed = ClosedPrefixes.of(task.trie.trie, task.exclude, task.allowed)
        level = task.log_probs(slice(None))
        beams = Beams.roots(task.rows)
        centres = drawn = torch.zeros(task.rows, 1, dtype=torch.float64)  # log-probabilities of prefixes, their Gumbel variables
        for _ in range(task.trie.levels):
            children = Children(task.trie, beams, level(beams.chosen), closed)
            cooled = children.log_probs.double() / self.temperature
            around = centres.flatten()[children.parents] + log_softmax_within(cooled, children.parents, centres.numel())
            noise = torch.empty_like(around).exponential_(generator=self.generator).log_()
            variables = conditioned(around - noise, children.parents, drawn.flatten())
            drawn, best = children.table(variables).topk(min(places, children.shape[1]), dim=1)
            centres = children.table(around).gather(1, best)
            beams = children.keep(best, children.table(children.scores).gather(1, best))
        return task.trie.items_at(beams.nodes, beams.scores), beams.scores


def log_softmax_within(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """float[E], the log of the softmax of values float[E] among those of the same group, int64[E] below ``count``."""
    away = values - greatest_within(values, groups, count)
    return away - away.new_zeros(count).index_add_(0, groups, away.exp()).log()[groups]


def greatest_within(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """float[E], the greatest of values float[E] in the group of each."""
    return values.new_full((count,), -torch.inf).scatter_reduce_(0, groups, values, "amax")[groups]


def conditioned(variables: Tensor, groups: Tensor, greatest: Tensor) -> Tensor:
    """Gumbel variables float[E], moved so that the greatest of each group is ``greatest`` float[G] (paper, appendix B.3)."""
    wanted = greatest[groups]
    gap = wanted - variables + torch.log1p(-(variables - greatest_within(variables, groups, len(greatest))).exp())
    return wanted - gap.relu() - torch.log1p((-gap.abs()).exp())
