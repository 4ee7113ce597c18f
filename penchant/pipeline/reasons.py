"""Reasons computed from the model: which past event, taken away, lowers the item's score the most, and what the item shares with it.

Letters: n events looked at, k recommended items, N items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch

from penchant.contracts import Scorer
from penchant.core.seeds import generator
from penchant.data.catalog import Catalog
from penchant.data.histories import Histories
from penchant.data.newest import newest_items
from penchant.data.schema import ACTIONS
from penchant.models.generative.tandem import Tandem
from penchant.pipeline.kinship import Kinship, Support

VERBS = {
    "view": "viewed", "click": "looked at", "cart": "put in the cart", "purchase": "bought", "rating": "rated",
    "review": "reviewed", "play": "watched", "like": "liked", "search": "searched for",
}  # fmt: skip


CHOSE = "chose"  # for what is done without a verb above
_CAUSES = 2  # events named of an item, at most

#: What a reason stands on.
Kind = Literal["event", "interest", "history", "popular", "rule", "chance", "none"]


@dataclass(frozen=True)
class Reason:
    """Why an item is shown.

    Attributes:
        text: For people.
        kind: ``"event"`` (past events drove it), ``"interest"`` (no single event did, but the item lies in a strong interest),
            ``"history"`` (neither), ``"popular"``, ``"rule"``, ``"chance"``, ``"none"``.
        because: Item codes of the events, strongest first.
        drops: How much the item's log-probability falls without each of them, by the explaining model.
        shared: Paths of categories that the item and all of these have in common, the narrowest first.
        interest: That the item lies in, with what it stands on; only of ``"interest"``.
    """

    text: str
    kind: Kind
    because: tuple[int, ...] = ()
    drops: tuple[float, ...] = ()
    shared: tuple[tuple[str, ...], ...] = ()
    interest: Support | None = None


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
    model: Explainer,
    catalog: Catalog,
    history: Histories,
    items: np.ndarray,
    *,
    recent: int = 12,
    seconds: float | None = None,
    kinship: Kinship | None = None,
    less: np.ndarray | None = None,
) -> list[Reason]:
    """One reason an item. An event counts as a cause only if the item's chance falls without it.

    Args:
        model: The explaining model.
        catalog: N items.
        history: One row.
        items: int[k].
        recent: See ``score_drops``.
        seconds: See ``Explainer``.
        kinship: Knows what items share; None: reasons name events alone.
        less: bool[G + 1], categories that no reason may name, as the person wants less of them; None: all may be named.
    """
    if history.num_events == 0:
        return [Reason("Popular with everybody", "popular")] * len(items)
    past, drops = score_drops(model, history, items, recent=recent, seconds=seconds)
    causes = causes_of(drops)
    codes = np.where(causes >= 0, past[causes], 0) if len(past) else np.zeros((len(items), 0), np.int32)
    shared = [()] * len(items) if kinship is None else kinship.shared(items, codes, less)
    interests = [None] * len(items) if kinship is None or (codes > 0).any(axis=1).all() else kinship.interests(history, items, less)
    titles = catalog.table["title"]
    out = []
    for column, (row, also, interest) in enumerate(zip(codes.tolist(), shared, interests, strict=True)):
        named = [code for code in row if code]
        if named:
            done = [(titles[code - 1] or catalog.items.ids[code - 1], verb_of(history, code)) for code in named]
            fell = tuple(float(drops[index, column]) for index in causes[column, : len(named)])
            out.append(Reason(f"Because you {because(done)}{in_common(also, len(named))}", "event", tuple(named), fell, also))
        elif interest is not None:
            out.append(Reason(fits(interest), "interest", interest=interest))
        else:
            out.append(Reason("Fits your history as a whole", "history"))
    return out


def causes_of(drops: np.ndarray) -> np.ndarray:
    """int64[k, c], the events that drove each item, strongest first; -1 where there are fewer than c.

    Args:
        drops: float32[n, k], see ``score_drops``.
    """
    order = np.argsort(-drops, axis=0, kind="stable")[:_CAUSES]  # of equal ones the newest
    fell = np.take_along_axis(drops, order, axis=0)
    # A second cause is named only if it weighs at least half as much as the first.
    return np.where((fell > 0) & (fell >= 0.5 * fell[:1]), order, -1).T


def in_common(shared: Sequence[Sequence[str]], causes: int) -> str:
    """Shared categories as an addition in brackets: ``" (both Horror)"``; nothing where there are none.

    Args:
        shared: Paths, see ``Reason``.
        causes: How many events are named.
    """
    return f" ({'both' if causes == 1 else 'all'} {' and '.join(path[-1] for path in shared)})" if shared else ""


def fits(interest: Support) -> str:
    """An interest as a sentence, with the numbers that it stands on."""
    name = interest.path[-1]
    return f"Fits your interest in {name}: {interest.events:,} of your {interest.of:,} events are in {name}"


def verb_of(history: Histories, item: int) -> str:
    """What was last done to an item of the history, as a verb in the past."""
    return VERBS.get(ACTIONS[int(history.actions[np.flatnonzero(history.items == item)[-1]])], CHOSE)


def because(done: Sequence[tuple[str, str]]) -> str:
    """Titles with their verbs as words: ``"bought Heat and Jaws"``, ``"bought Heat and watched Jaws"``."""
    by_verb: dict[str, list[str]] = {}
    for title, verb in done:
        by_verb.setdefault(verb, []).append(title)
    return " and ".join(f"{verb} {' and '.join(titles)}" for verb, titles in by_verb.items())
