"""Policy: what a list may look like, whatever the models say. Filters, then changes of scores, then selection.

Rules of one kind are applied in the order of their file. What each does is in ``penchant/pipeline/rules``.

Letters: N items, C candidates, m places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from penchant.core.errors import require
from penchant.core.settings import Settings
from penchant.pipeline.rules.asked import Asked, When
from penchant.pipeline.rules.candidates import BROUGHT, FILLS, Candidates
from penchant.pipeline.rules.changes import Boosted, Change, Fresh
from penchant.pipeline.rules.diversity import dpp_order, mmr_order
from penchant.pipeline.rules.exploration import Explorer
from penchant.pipeline.rules.filters import Barred, Filters
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Boost, Diversity, Exclude, Explore, Freshness, Quota, Rules, Spacing
from penchant.pipeline.rules.limits import Counted, Spaced
from penchant.pipeline.rules.selection import Selected, select


class PolicySettings(Settings):
    """The rules of a release that is served without a file of rules: spacing by brand, or else by the first category.

    Within any ``window`` neighbouring places, at most ``most`` items share a key. It is a wish, not a law: when nothing else
    is left, the list goes on.
    """

    window: int = Field(default=4, ge=1)
    most: int = Field(default=2, ge=1)

    def rules(self) -> Rules:
        """The same as rules."""
        return Rules(rules=(Spacing(window=self.window, most=self.most),))


@dataclass(frozen=True)
class Chosen:
    """A list that the policy made.

    Attributes:
        shown: m candidates with their changed scores, the first place first.
        propensities: float64[m], see ``Selected``.
        drawn: bool[m], whether a place went by chance.
        labels: What stands at each.
        ranked: All candidates by their changed scores, before selection, without those that only fill.
    """

    shown: Candidates
    propensities: np.ndarray
    drawn: np.ndarray
    labels: tuple[tuple[str, ...], ...]
    ranked: Candidates


@dataclass(frozen=True)
class _Holding:
    """The rules that hold for one request, but for filters."""

    changes: Sequence[Change]
    quotas: Sequence[Counted]
    spacing: Sequence[Spaced]
    diversity: Diversity | None
    explorer: Explorer | None


class Policy:
    """Rules over one catalogue. May be used by several threads.

    Args:
        rules: As written.
        goods: N items.

    Raises:
        InputError: A rule names a column that the catalogue does not have, or asks what is alike where there are no vectors.
    """

    def __init__(self, rules: Rules, goods: Goods) -> None:
        self.rules, self.goods = rules, goods
        self._filters = Filters(goods, [rule for rule in rules.rules if isinstance(rule, Exclude)])
        self._changes: list[tuple[When, Change]] = []
        self._quotas: list[Counted] = []
        self._spacing: list[Spaced] = []
        self._diversity: list[tuple[When, Diversity]] = []
        self._explorers: list[Explorer] = []
        for rule in rules.rules:
            if isinstance(rule, Boost):
                self._changes.append((When(goods, rule), Boosted(goods, rule)))
            elif isinstance(rule, Freshness):
                self._changes.append((When(goods, rule), Fresh(goods, rule)))
            elif isinstance(rule, Quota):
                self._quotas.append(Counted(goods, rule))
            elif isinstance(rule, Spacing):
                self._spacing.append(Spaced(goods, rule))
            elif isinstance(rule, Diversity):
                require(goods.vectors is not None, "rule: diversity", "nobody knows which items are alike", "give it vectors")
                self._diversity.append((When(goods, rule), rule))
            elif isinstance(rule, Explore):
                self._explorers.append(Explorer(goods, rule))

    @property
    def version(self) -> str:
        """Of the rules."""
        return self.rules.version

    def barred(self, asked: Asked) -> Barred:
        """What rules exclude for a request."""
        return self._filters.barred(asked)

    def choose(
        self,
        asked: Asked,
        items: np.ndarray,
        scores: np.ndarray,
        barred: np.ndarray,
        wishes: Sequence[Change] = (),
        unwanted: np.ndarray | None = None,
    ) -> Chosen:
        """A list of k items; of fewer only where fewer may be shown.

        Args:
            asked: The request.
            items: int32[C] candidates, all distinct, best first.
            scores: float32[C], 0 or more.
            barred: bool[N + 1], items that must not be shown, for whatever reason.
            wishes: Changes that this request alone asks for; they come after those of the rules.
            unwanted: int32[...], items that fill a place only where nothing else can; None for none.
        """
        holding = self._holding(asked, wishes)
        kept = np.flatnonzero(~barred[items])
        found = self._brought(Candidates(items[kept], scores[kept], kept), asked, barred, holding)
        ranked, selected = self._selected(found, asked, holding)
        if len(selected.places) < asked.k:
            gone = barred.copy()
            gone[found.items] = True
            rest = self.goods.popular[~gone[self.goods.popular]]
            if unwanted is not None:
                rest = rest[np.argsort(np.isin(rest, unwanted), kind="stable")]
            if len(rest):
                ranked, selected = self._selected(found.more(rest, 0.0, FILLS), asked, holding)
        shown = ranked.take(selected.places)
        labels = _labels(shown.items, holding, selected.drawn)
        ranked = ranked.take(np.flatnonzero(ranked.places != FILLS))
        return Chosen(shown, selected.propensities, selected.drawn, labels, ranked)

    def _holding(self, asked: Asked, wishes: Sequence[Change]) -> _Holding:
        return _Holding(
            [*(change for when, change in self._changes if when.holds(asked)), *wishes],
            [one for one in self._quotas if one.when.holds(asked)],
            [one for one in self._spacing if one.when.holds(asked)],
            next((rule for when, rule in self._diversity if when.holds(asked)), None),
            next((one for one in self._explorers if one.when.holds(asked)), None),
        )

    def _brought(self, found: Candidates, asked: Asked, barred: np.ndarray, holding: _Holding) -> Candidates:
        """With the items that rules bring; they rank as if they came last."""
        last = float(found.scores.min()) if len(found) else 1.0
        gone = barred.copy()
        gone[found.items] = True

        def with_(brought: np.ndarray) -> Candidates:
            gone[brought] = True
            return found.more(brought, last, BROUGHT) if len(brought) else found

        for change in holding.changes:
            found = with_(change.inject(asked, gone))
        for quota in holding.quotas:
            found = with_(quota.inject(asked, gone, found.items))
        if holding.explorer is not None:
            found = with_(holding.explorer.inject(asked, gone, found.items))
        return found

    def _selected(self, found: Candidates, asked: Asked, holding: _Holding) -> tuple[Candidates, Selected]:
        """All candidates in the order of preference, and which of them take the places."""
        for change in holding.changes:
            found = found.times(change.factors(asked, found.items))
        if holding.changes:
            found = found.by_score()
        if holding.diversity is not None and len(found):
            found = found.take(self._diverse(found, holding.diversity, asked.k))
        explorer = holding.explorer
        selected = select(
            len(found),
            asked.k,
            [cap for quota in holding.quotas for cap in quota.caps(found.items)],
            [floor for quota in holding.quotas for floor in quota.floors(found.items)],
            [spacing.gap(found.items) for spacing in holding.spacing],
            None if explorer is None else explorer.draws(asked, found.items),
        )
        return found, selected

    def _diverse(self, found: Candidates, rule: Diversity, k: int) -> np.ndarray:
        """int64[C], the order of the candidates: the first ``pool`` anew, the others as they are."""
        head = min(rule.pool, len(found))
        order = mmr_order if rule.method == "mmr" else dpp_order
        first = order(found.scores[:head], self.goods.unit(found.items[:head]), rule.weight, k + k // 2)  # others need a choice
        return np.concatenate([first, np.arange(head, len(found))])


def _labels(items: np.ndarray, holding: _Holding, drawn: np.ndarray) -> tuple[tuple[str, ...], ...]:
    found: list[list[str]] = [[] for _ in items]
    for change in holding.changes:
        if change.label is not None:
            for place in np.flatnonzero(change.meant(items)).tolist():
                found[place].append(change.label)
    if holding.explorer is not None and holding.explorer.rule.label is not None:
        for place in np.flatnonzero(drawn).tolist():
            found[place].append(holding.explorer.rule.label)
    return tuple(tuple(dict.fromkeys(labels)) for labels in found)
