"""What a ranker learns from: the candidates that its generator names before an event, and what the event was.

Candidates that the generator names are what a ranker meets when it serves; where they do not hold the event's item, none of them is
right, as then, too. Random ones with the item among them are easier, and teach a ranker to tell apart what it is never asked
about; they are here as a control.

Letters: P events, C candidates, S scorers, W width, A heads, N items, B rows of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from penchant.contracts import Scorer
from penchant.core.errors import require
from penchant.core.seeds import generator
from penchant.data.histories import Histories
from penchant.models.ranking.multi_task import RankingBatch
from penchant.models.sequence.retriever import SequenceRetriever
from penchant.ranking import blocks_of


class RankingBatches:
    """The newest events of each user, each with candidates of before it.

    Args:
        model: The generator, in evaluation mode; it should not have learnt from these events, or it names them too well.
        others: Further scorers; the same holds for them.
        histories: Of training. The last ``newest`` events of each row are asked for, never its first.
        newest: Events a row.
        candidates: C.
        heads: Per head the actions (codes) that count for it; an empty head counts every action.
        size: B.
        seed: Of the order of batches, and of random candidates.
        drawn: Whether candidates are the event's item and others drawn evenly from the catalogue, as a control.

    Raises:
        InputError: No row has two events.
    """

    def __init__(
        self,
        model: SequenceRetriever[Any],
        others: Sequence[Scorer],
        histories: Histories,
        *,
        newest: int,
        candidates: int,
        heads: Sequence[Sequence[int]],
        size: int = 64,
        seed: int = 0,
        drawn: bool = False,
    ) -> None:
        from_end = histories.lengths[histories.rows] - histories.places
        events = np.flatnonzero((from_end <= newest) & (histories.places > 0))
        require(len(events) > 0, "0 events", "a ranker learns from events that come after others", "give it longer histories")
        rows = histories.rows[events]
        before = histories.slices(histories.offsets[:-1][rows], events, rows)
        targets = torch.from_numpy(histories.items[events].astype(np.int64))
        count = min(candidates, model.num_items)
        if drawn:
            random = generator(seed, model.num_items)
            items = torch.from_numpy(random.integers(1, model.num_items + 1, (len(events), count)))
            items[:, 0] = targets
            self.items, self.scores = items, scores_of([model, *others], before, items)
        else:
            self.items, self.scores = named(model, others, before, count, before)
        self.states = model.states(before)
        taken = torch.from_numpy(np.stack([_counts(histories.actions[events], head) for head in heads], axis=1))
        self.labels = ((self.items == targets[:, None])[..., None] & taken[:, None]).float()
        self.size, self.seed = size, seed

    def plan(self, epoch: int) -> list[np.ndarray]:
        """Indices of the events of every batch of an epoch."""
        shuffled = generator(self.seed, epoch).permutation(len(self.items))
        return [shuffled[start : start + self.size] for start in range(0, len(shuffled), self.size)]

    def batch(self, rows: np.ndarray) -> RankingBatch:
        """Those events."""
        at = torch.from_numpy(rows)
        return RankingBatch(self.states[at], self.items[at], self.scores[at], self.labels[at])


def named(
    model: SequenceRetriever[Any], others: Sequence[Scorer], histories: Histories, k: int, exclude: Histories | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """int64[B, k], the generator's candidates (0 is none), and float32[B, k, S], what every scorer gives to them."""
    found = model.recommend(histories, k, exclude=exclude)
    items = torch.from_numpy(found.items.astype(np.int64))
    own = torch.from_numpy(found.scores).masked_fill(items == 0, 0.0)
    return items, torch.cat([own[..., None], scores_of(others, histories, items)], dim=-1)


@torch.no_grad()
def scores_of(scorers: Sequence[Scorer], histories: Histories, items: torch.Tensor) -> torch.Tensor:
    """float32[B, C, S]: what each scorer gives to candidates int64[B, C]; 0 where there is none."""
    found = torch.zeros(*items.shape, len(scorers))
    for place, one in enumerate(scorers):
        for rows in blocks_of(len(histories), one.num_items):
            found[rows, :, place] = one.score(histories.take(np.arange(rows.start, rows.stop))).gather(1, items[rows])
    return found.masked_fill((items == 0)[..., None], 0.0).nan_to_num(neginf=0.0)


def _counts(actions: np.ndarray, head: Sequence[int]) -> np.ndarray:
    return np.isin(actions, list(head)) if len(head) else np.ones(len(actions), bool)
