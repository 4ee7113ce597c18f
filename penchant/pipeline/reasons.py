"""Reasons computed from the model: which past event, taken away, lowers the item's score the most.

Letters: n events looked at, k recommended items, N items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from penchant.contracts import Scorer
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.schema import ACTIONS

VERBS = {
    "view": "viewed", "click": "looked at", "cart": "put in the cart", "purchase": "bought", "rating": "rated",
    "review": "reviewed", "play": "watched", "like": "liked", "search": "searched for",
}  # fmt: skip


@dataclass(frozen=True)
class Reason:
    """Why an item is shown.

    Attributes:
        text: For people.
        kind: ``"event"`` (past events drove it), ``"history"`` (no single event did), ``"popular"``.
        because: Item codes of the events, strongest first.
        drops: How much the item's log-probability falls without each of them, by the explaining model.
    """

    text: str
    kind: str
    because: tuple[int, ...] = ()
    drops: tuple[float, ...] = ()


def score_drops(model: Scorer, history: Histories, items: np.ndarray, *, recent: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """What each of the newest events contributes to each item: its log-probability with the event minus that without.

    Args:
        model: The explaining model.
        history: One row.
        items: int[k].
        recent: How many of the newest distinct items are tried.

    Returns:
        past: int32[n], the items tried, newest first; drops: float32[n, k].
    """
    row = history.items
    newest, first = np.unique(row[::-1], return_index=True)
    past = newest[np.argsort(first)][:recent]
    if not len(past) or not len(items):
        return past, np.zeros((len(past), len(items)), np.float32)
    # Row 0 is the whole history, row j + 1 is without the events of past[j].
    repeated = history.take(np.zeros(len(past) + 1, np.int64))
    removed = np.concatenate([[0], past])[repeated.rows]
    # Log-probabilities: logits of different histories may be shifted against each other.
    chances = model.score(repeated.where(repeated.items != removed)).log_softmax(dim=1)
    scores = chances[:, torch.from_numpy(items.astype(np.int64))].numpy()
    return past, scores[0] - scores[1:]


def reasons(model: Scorer, catalog: Catalog, history: Histories, items: np.ndarray, *, recent: int = 12) -> list[Reason]:
    """One reason an item. An event counts as a cause only if the item's chance falls without it."""
    if history.num_events == 0:
        return [Reason("Popular with everybody", "popular")] * len(items)
    past, drops = score_drops(model, history, items, recent=recent)
    titles = catalog.table["title"]
    out = []
    for column in range(len(items)):
        order = np.argsort(-drops[:, column])
        top = [int(index) for index in order[:2] if drops[index, column] > 0]
        # A second cause is named only if it weighs at least half as much as the first.
        causes = [index for index in top if drops[index, column] >= 0.5 * drops[top[0], column]]
        if not causes:
            out.append(Reason("Fits your history as a whole", "history"))
            continue
        codes = [int(past[index]) for index in causes]
        verb = VERBS.get(_newest_action(history, codes[0]), "chose")
        names = " and ".join(titles[code - 1] or catalog.items.ids[code - 1] for code in codes)
        out.append(Reason(f"Because you {verb} {names}", "event", tuple(codes), tuple(float(drops[index, column]) for index in causes)))
    return out


def _newest_action(history: Histories, item: int) -> str:
    return ACTIONS[int(history.actions[np.flatnonzero(history.items == item)[-1]])]
