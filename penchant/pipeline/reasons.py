"""Reasons computed from the model: which past event, taken away, lowers the item's score the most.

Letters: n events looked at, k recommended items, N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from penchant.contracts import Scorer
from penchant.core.seeds import generator
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.data.schema import ACTIONS
from penchant.models.generative.tandem import Tandem

VERBS = {
    "view": "viewed", "click": "looked at", "cart": "put in the cart", "purchase": "bought", "rating": "rated",
    "review": "reviewed", "play": "watched", "like": "liked", "search": "searched for",
}  # fmt: skip


CHOSE = "chose"  # for what is done without a verb above


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


class Explainer(Protocol):
    """A model that says how probable items are."""

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """float32[B, k], log-probabilities of the items int[k] after each history.

        Args:
            seconds: That whoever computes elsewhere is waited for; what is done here takes as long as it takes.
        """
        ...


class ByScores:
    """The softmax of a model's scores over the catalogue.

    Args:
        model: Scores items.
    """

    def __init__(self, model: Scorer) -> None:
        self.model = model

    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """See ``Explainer``."""
        return self.model.score(histories).log_softmax(dim=1)[:, torch.from_numpy(items.astype(np.int64))].numpy()


class BySample:
    """The softmax of Tandem's dense head, with the items below the shown ones estimated from a fixed sample: for large catalogues.

    Args:
        model: A trained Tandem.
        sample: Items drawn, without the shown ones.
    """

    def __init__(self, model: Tandem, *, sample: int = 2_048) -> None:
        count = min(sample, model.num_items)
        self.model = model
        self.drawn = generator(20_240, model.num_items).choice(model.num_items, count, replace=False) + 1
        self._rows: torch.Tensor | None = None  # of the drawn items

    @torch.no_grad()
    def chances(self, histories: Histories, items: np.ndarray, seconds: float | None = None) -> np.ndarray:
        """See ``Explainer``; off by the logarithm of how far the sample is from the catalogue."""
        table = self.model.tables()[1]
        drawn = self._rows = table[torch.from_numpy(self.drawn.astype(np.int64))] if self._rows is None else self._rows
        users = torch.nn.functional.normalize(self.model.states(histories), dim=-1)
        shown = users @ table[torch.from_numpy(items.astype(np.int64))].T
        others = ~np.isin(self.drawn, items)
        share = max(self.model.num_items - len(items), 1) / max(int(others.sum()), 1)
        below = (users @ drawn.T).masked_fill_(torch.from_numpy(~others), -torch.inf) + float(np.log(share))
        return (shown - torch.cat([shown, below], dim=1).logsumexp(dim=1, keepdim=True)).numpy()


def score_drops(
    model: Explainer, history: Histories, items: np.ndarray, *, recent: int = 12, context: int = 32, seconds: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What each of the newest events contributes to each item: its log-probability with the event minus that without.

    Args:
        model: The explaining model.
        history: One row.
        items: int[k].
        recent: How many of the newest distinct items are tried.
        context: Newest events that the model reads: the more, the longer it takes.
        seconds: See ``Explainer``.

    Returns:
        past: int32[n], the items tried, newest first; drops: float32[n, k].
    """
    history = history.last(context)
    row = history.items
    past = newest_items(row, recent)
    if not len(past) or not len(items):
        return past, np.zeros((len(past), len(items)), np.float32)
    # Row 0 is the whole history, row j + 1 is without the events of past[j].
    repeated = history.take(np.zeros(len(past) + 1, np.int64))
    removed = np.concatenate([[0], past])[repeated.rows]
    # Log-probabilities: logits of different histories may be shifted against each other.
    scores = model.chances(repeated.where(repeated.items != removed), items, seconds)
    return past, scores[0] - scores[1:]


def reasons(
    model: Explainer, catalog: Catalog, history: Histories, items: np.ndarray, *, recent: int = 12, seconds: float | None = None
) -> list[Reason]:
    """One reason an item. An event counts as a cause only if the item's chance falls without it. ``seconds``: see ``Explainer``."""
    if history.num_events == 0:
        return [Reason("Popular with everybody", "popular")] * len(items)
    past, drops = score_drops(model, history, items, recent=recent, seconds=seconds)
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
        done = [(titles[code - 1] or catalog.items.ids[code - 1], verb_of(history, code)) for code in codes]
        out.append(Reason(f"Because you {because(done)}", "event", tuple(codes), tuple(float(drops[index, column]) for index in causes)))
    return out


def verb_of(history: Histories, item: int) -> str:
    """What was last done to an item of the history, as a verb in the past."""
    return VERBS.get(ACTIONS[int(history.actions[np.flatnonzero(history.items == item)[-1]])], CHOSE)


def because(done: Sequence[tuple[str, str]]) -> str:
    """Titles with their verbs as words: ``"bought Heat and Jaws"``, ``"bought Heat and watched Jaws"``."""
    by_verb: dict[str, list[str]] = {}
    for title, verb in done:
        by_verb.setdefault(verb, []).append(title)
    return " and ".join(f"{verb} {' and '.join(titles)}" for verb, titles in by_verb.items())
