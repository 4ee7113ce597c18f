"""A generator and a ranker trained one after the other, as recipes of rankers share it.

Letters: N items, A heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from penchant.claims.lab import Lab
from penchant.contracts import Scorer
from penchant.data.histories import Histories
from penchant.data.schema import ACTION_CODE
from penchant.models.ranking.candidates import RankingBatches
from penchant.models.ranking.multi_task import MultiTaskRanker, MultiTaskSettings
from penchant.models.ranking.ranked import Ranked
from penchant.models.sequence.sasrec import SASRec, SASRecSettings
from penchant.train.settings import TrainSettings


def ranked(
    lab: Lab,
    training: TrainSettings,
    shape: SASRecSettings,
    others: Callable[[Histories], Sequence[Scorer]],
    heads: Sequence[Sequence[int]],
    weights: Sequence[float],
    *,
    newest: int,
    candidates: int,
    hidden: int,
    share: float,
    drawn: bool = False,
) -> Ranked:
    """SASRec without each user's newest events, and a ranker that learns from these.

    Args:
        lab: What may be seen.
        training: Of both parts.
        shape: Of SASRec.
        others: Further scorers of what the generator names, from the histories without the newest events.
        heads: Of the ranker: per head the actions (codes) that count for it; an empty head counts every action.
        weights: float[A], of the heads' probabilities in the order.
        newest: Events a user that the ranker learns from, and the generator does not.
        candidates: That are ranked.
        hidden: Of the ranker.
        share: Of the budget that the generator takes.
        drawn: Whether the ranker learns from random candidates instead of the generator's, as a control.
    """
    older = lab.train.without_last(newest)
    model = lab.fit(SASRec(lab.num_items, shape), training, older, name="generator", share=share)
    model.eval()
    known = list(others(older))
    batches = RankingBatches(model, known, lab.train, newest=newest, candidates=candidates, heads=heads, seed=lab.seed, drawn=drawn)
    settings = MultiTaskSettings(heads=len(heads), scorers=1 + len(known), hidden=hidden, dropout=shape.dropout)
    ranker = MultiTaskRanker(model.head.table.all().detach().numpy(), popularity(lab.train, lab.num_items), settings)
    both = Ranked(model, known, ranker, weights, candidates=candidates)
    lab.fit(ranker, training, batches, name="ranker", share=1.0 - share, validate=lab.judge(both))
    return both


def popularity(histories: Histories, num_items: int) -> np.ndarray:
    """float32[N + 1, 3] of items, standardised: the logarithms of how many events they have, ever and among the newest tenth, and
    the share of likes.
    """
    recent = histories.times >= np.quantile(histories.times, 0.9)
    liked = histories.actions == ACTION_CODE["like"]

    def counted(which: np.ndarray) -> np.ndarray:
        return np.bincount(histories.items[which], minlength=num_items + 1).astype(np.float64)

    everything = counted(np.ones(histories.num_events, bool))
    found = np.stack([np.log1p(everything), np.log1p(counted(recent)), counted(liked) / (everything + 5.0)], axis=1)
    return ((found - found[1:].mean(axis=0)) / np.maximum(found[1:].std(axis=0), 1e-6)).astype(np.float32)
