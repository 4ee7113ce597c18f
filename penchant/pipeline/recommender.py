"""From a history to a list: generate, merge, apply policy, explain. The same call serves the library, the CLI and HTTP."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from penchant.contracts import TopK
from penchant.core.errors import PenchantError, require
from penchant.data.catalog import Catalog
from penchant.data.dataset import history_of
from penchant.data.histories import Histories
from penchant.pipeline.budget import Budget
from penchant.pipeline.calls import FAILED, LATE, Answered, Calls, OneByOne
from penchant.pipeline.kinship import Kinship
from penchant.pipeline.lane import Generator
from penchant.pipeline.matches import BadMatches, without
from penchant.pipeline.merge import Merged, merge
from penchant.pipeline.names import names
from penchant.pipeline.pace import Pace, smoothed
from penchant.pipeline.policy import Chosen, Policy, PolicySettings
from penchant.pipeline.ranker import Ranker, ranked
from penchant.pipeline.reasons import Explainer, Reason, reasons
from penchant.pipeline.rules.asked import Asked
from penchant.pipeline.rules.candidates import BROUGHT, Candidates
from penchant.pipeline.rules.filters import TOLD, Barred
from penchant.pipeline.rules.goods import Goods
from penchant.pipeline.rules.kinds import Rules
from penchant.pipeline.rules.outcomes import NOTHING, Outcomes
from penchant.pipeline.spent import spent
from penchant.pipeline.steering import Leaning, Steering
from penchant.ranking import check_k

#: Candidates taken from each generator for a list of k: enough that policy has a choice.
POOL = 3
LEAST_POOL = 50


@dataclass(frozen=True)
class Suggestion:
    """One place of a list.

    Attributes:
        item: Code of the item.
        item_id: Its id.
        score: Of the model, or of the merge after the rules.
        sources: Generators that named it, the one that ranked it best first; ``rules`` where a rule brought it, ``fill``
            where it fills a list that would be too short.
        reason: Why it is here.
        propensity: The probability with which the item took this place under the policy, given the places above and how
            they were filled; 1 where nothing is left to chance.
        labels: Of the rules that speak for it.
    """

    item: int
    item_id: str
    score: float
    sources: tuple[str, ...]
    reason: Reason
    propensity: float = 1.0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rung:
    """A way to make a list, and what it needs.

    Attributes:
        name: As the answer tells it.
        generators: That are merged, with their weights.
        dear: Whether a network runs for it, which can be left out where time is short.
    """

    name: str
    generators: Mapping[str, float]
    dear: bool = False

    def weighted(self, factors: Mapping[str, float]) -> Rung:
        """The same with the weights times ``factors``, without generators whose factor is 0."""
        weights = {name: weight * factors.get(name, 1.0) for name, weight in self.generators.items()}
        return Rung(self.name, {name: weight for name, weight in weights.items() if weight > 0}, self.dear)


@dataclass(frozen=True)
class Recommendation:
    """A list, and how it came about.

    Attributes:
        rung: The way it was made; the model's name where one was asked for.
        used: Generators that took part.
        missing: Parts that did not, and why: the list is made without them.
        milliseconds: Time of each stage.
        lists: What each generator named, best first.
        merged: All candidates, before policy; None where one model was asked for.
        asked_ms: From the question to each generator's answer.
        rules: Version of the rules that were applied.
        ranked: All candidates after filters and changes of scores, before selection; None where one model was asked for.
        ignored: Events of the history that steering left out.
        kept_out: bool[N + 1], items that must not be shown; None where one model was asked for.
        unranked: int32[C], the items of ``merged`` in the order of before the ranker; None where there was none.
        left_out: int32[...], candidates that were left out as bad matches; they are not in ``merged``.
    """

    suggestions: tuple[Suggestion, ...]
    history_length: int
    rung: str
    used: tuple[str, ...]
    missing: Mapping[str, str]
    milliseconds: dict[str, float] = field(default_factory=dict)
    lists: Mapping[str, TopK] = field(default_factory=dict)
    merged: Merged | None = None
    asked_ms: Mapping[str, float] = field(default_factory=dict)
    rules: str = ""
    ranked: Candidates | None = None
    ignored: int = 0
    kept_out: np.ndarray | None = None
    unranked: np.ndarray | None = None
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))


class Recommender:
    """The composed system.

    Args:
        catalog: N items.
        models: Every generator that can be asked for by name.
        rungs: Ways to make a list for somebody with a history, the best first. The first is taken that the time allows.
        newcomers: Generators for people without a history, with their weights.
        last: Name of the generator that answers where none of a rung did; called at once, so it should be one that
            cannot fail and takes no time.
        explainer: Gives the reasons.
        policy: Rules of a list; ``use`` changes them.
        blocked: Codes of items that must not be shown to anybody.
        calls: How generators are called; one by one by default.
        goods: The catalogue as rules see it; by default nobody knows what is alike or popular.
        ranker: Orders what was merged; None leaves it.
        matches: Leaves out the worst of what was merged and ranked; None leaves all in. Rules may bring an item back, and so may
            a list that nothing else fills.
        budget: Processor time for dear rungs and for reasons, of lists that have a deadline; None: as much as they take.
        kinship: Knows what items share with people's events; None: reasons name events alone.
    """

    def __init__(
        self,
        catalog: Catalog,
        models: Mapping[str, Generator],
        *,
        rungs: Sequence[Rung],
        newcomers: Mapping[str, float],
        last: str,
        explainer: Explainer,
        policy: PolicySettings | None = None,
        blocked: Collection[int] = (),
        calls: Calls | None = None,
        goods: Goods | None = None,
        ranker: Ranker | None = None,
        matches: BadMatches | None = None,
        budget: Budget | None = None,
        kinship: Kinship | None = None,
    ) -> None:
        named = {name for rung in rungs for name in rung.generators} | set(newcomers) | {last}
        unknown = sorted(named - set(models))
        require(not unknown, f"generators {unknown}", f"the models are {sorted(models)}", "name models that exist")
        require(len(rungs) > 0, "no rungs", "a list is made in some way", "pass at least one rung")
        self.catalog, self.models, self.rungs, self.newcomers, self.last = catalog, dict(models), tuple(rungs), dict(newcomers), last
        related = len(catalog) if kinship is None else len(kinship)
        require(related == len(catalog), f"kinship of {related} items", f"the catalogue has {len(catalog)}", "make it of this catalogue")
        self.explainer, self.ranker, self.matches, self.kinship = explainer, ranker, matches, kinship
        self.goods = goods or Goods(catalog)
        self.policy = Policy((policy or PolicySettings()).rules(), self.goods)
        self.blocked = tuple(sorted(blocked))
        self._blocked = np.array(self.blocked, np.int32)
        self.calls = calls or OneByOne(self.models)
        self.budget = budget
        self._rest, self._reasons = Pace(), Pace()  # of all but the generators; of the reasons
        self._reasons_cost = 0.0  # processor seconds

    def use(self, rules: Rules) -> None:
        """Apply these rules from the next list on.

        Raises:
            InputError: They do not fit the catalogue; those of before stay.
        """
        self.policy = Policy(rules, self.goods)

    def recommend(
        self,
        events: Sequence[str | dict] | None = None,
        *,
        history: Histories | None = None,
        k: int = 20,
        model: str | None = None,
        exclude_seen: bool = True,
        hidden: Sequence[int] | np.ndarray = (),
        explain: bool = True,
        seconds: float | None = None,
        weights: Mapping[str, float] | None = None,
        steering: Steering | None = None,
        user_id: str | None = None,
        now: int | None = None,
        seed: str = "",
        outcomes: Outcomes = NOTHING,
    ) -> Recommendation:
        """Recommend for any history, of people never seen in training too.

        Args:
            events: What somebody did, oldest first: item ids, or mappings with ``item_id``, ``event``, ``timestamp``.
            history: The same as one row of codes; give one of the two, or neither for somebody new.
            k: Length of the list, 1..N. Fewer come back when fewer are left.
            model: One model by name, its list as it is but for what rules exclude and steering ignores; None merges the
                generators and applies the policy.
            exclude_seen: Leave out what the history holds.
            hidden: Codes of further items to leave out.
            explain: Give reasons (costs one more scoring of a few short histories).
            seconds: That the answer may take; None: as long as it takes. What cannot be done in time is left out.
            weights: Factors on the weights of generators, by name; those not named keep theirs, 0 leaves one out.
            steering: What the person asks for. Its weights come on top of ``weights``.
            user_id: Whose list it is, for rules that are for some people only.
            now: UTC seconds, for rules that hold at some time only; by default the clock's.
            seed: Of what rules leave to chance: the same one gives the same list.
            outcomes: What came of items that were shown, for Thompson's exploration.

        Raises:
            UnknownIdError: An event names an item that is not in the catalogue.
            InputError: k, model or weights are out of range, or steering goes by times that the history does not have.
        """
        clock, policy, steering = _Clock(), self.policy, steering or Steering()
        check_k(k, len(self.catalog))
        factors = (Steering(weights=dict(weights or {})) + steering).weights
        self._check(model, factors)
        whole = history if history is not None else history_of(self.catalog, events or [])
        row = steering.edited(whole)
        asked = Asked(row, k, int(time.time()) if now is None else now, user_id, seed, outcomes)
        kept_out = np.concatenate([np.asarray(hidden, np.int32), self._blocked])
        out = _Out(row.items if exclude_seen else row.items[:0], kept_out, policy.barred(asked))
        clock.stage("state")
        by_policy = (policy, asked, out, steering, factors, seconds, clock)
        made = self._by_policy(*by_policy) if model is None else self._by_model(model, asked, out, clock)
        clock.stage("merge and policy")
        missing, why = dict(made.answered.missing), [Reason("", "none")] * len(made.items)
        if explain:
            why = _true_of_rules(self._explain(row, made.items, steering, missing, clock.left(seconds)), made.chosen)
        clock.stage("reasons")
        spent = clock.done()
        if seconds is not None and self.budget is not None and spent["total"] > seconds * 1e3:
            self.budget.late()
        self._rest.took((spent["total"] - spent["generate"] - spent["reasons"]) / 1e3)
        return Recommendation(
            self._suggestions(made, why),
            row.num_events,
            made.rung,
            tuple(made.answered.lists),
            missing,
            spent,
            made.answered.lists,
            made.merged,
            made.answered.milliseconds,
            policy.version,
            None if made.chosen is None else made.chosen.ranked,
            whole.num_events - row.num_events,
            made.kept_out,
            made.unranked,
            made.left_out,
        )

    def _by_model(self, model: str, asked: Asked, out: _Out, clock: _Clock) -> _Made:
        """What one model says."""
        found = self.models[model].recommend(asked.history, asked.k, exclude=out.all_of_them())
        clock.stage("generate")
        real = found.items[0] > 0
        items, scores = found.items[0][real][: asked.k], found.scores[0][real][: asked.k]
        return _Made(model, Answered({model: found}), items, scores, [[model]] * len(items))

    def _by_policy(
        self,
        policy: Policy,
        asked: Asked,
        out: _Out,
        steering: Steering,
        factors: Mapping[str, float],
        seconds: float | None,
        clock: _Clock,
    ) -> _Made:
        """What the generators named, merged, under the rules."""
        exclude, complete = out.most_popular(self.goods)
        pool = min(len(self.catalog), max(LEAST_POOL, POOL * asked.k) * (1 if complete else 2))  # some of it will have to go
        rung, weights, answered = self._generate(asked.history, pool, exclude, seconds, clock, factors)
        clock.stage("generate")
        merged = merge(answered.lists, weights)
        clock.stage("merge and policy")
        merged, unranked = self._ranked(asked.history, merged, answered.missing), merged.items
        clock.stage("rank")
        wishes = [Leaning(self.goods, taste) for taste in steering.tastes]
        mask = out.mask()
        left_out = self._left_out(asked, merged, mask, answered.missing)
        if len(left_out):
            whole, merged = merged, without(merged, left_out)
            unranked = merged.items if whole.items is unranked else unranked[~np.isin(unranked, left_out)]
        if self.matches is not None:
            clock.stage("matches")
        chosen = policy.choose(asked, merged.items, merged.scores, mask, wishes, left_out)
        return _Made(
            rung,
            answered,
            chosen.shown.items,
            chosen.shown.scores,
            _sources(merged, chosen),
            merged,
            chosen,
            mask,
            None if merged.items is unranked else unranked,
            left_out,
        )

    def _left_out(self, asked: Asked, merged: Merged, barred: np.ndarray, missing: dict[str, str]) -> np.ndarray:
        """int32[...], the worst matches; none where nobody tells them, or where that fails."""
        try:
            return merged.items[:0] if self.matches is None else self.matches.worst(asked.history, merged, asked.k, barred)
        except (PenchantError, RuntimeError, ValueError, IndexError):
            missing["matches"] = FAILED
            return merged.items[:0]

    def _ranked(self, row: Histories, merged: Merged, missing: dict[str, str]) -> Merged:
        """In the ranker's order, and as merged where it fails."""
        try:
            return ranked(self.ranker, row, merged, self.goods)
        except (PenchantError, RuntimeError, ValueError, IndexError):
            missing["ranker"] = FAILED
            return merged

    def _suggestions(self, made: _Made, why: Sequence[Reason]) -> tuple[Suggestion, ...]:
        count, chosen = len(made.items), made.chosen
        propensities = [1.0] * count if chosen is None else chosen.propensities.tolist()
        labels = [()] * count if chosen is None else chosen.labels
        rows = zip(
            made.items.tolist(),
            names(self.catalog, made.items.tolist()),
            made.scores.tolist(),
            map(tuple, made.sources),
            why,
            propensities,
            labels,
            strict=True,
        )
        return tuple(Suggestion(*row) for row in rows)

    def _generate(
        self, row: Histories, pool: int, exclude: Histories, seconds: float | None, clock: _Clock, factors: Mapping[str, float]
    ) -> tuple[str, Mapping[str, float], Answered]:
        """The rung, its weights, and what its generators named."""
        left = clock.left(seconds)
        rest = self._rest.expected()
        ways = self.rungs if row.num_events else (Rung("newcomer", self.newcomers),)
        rung = self._in_time([way.weighted(factors) for way in ways], None if left is None else left - rest)
        answered = self.calls.call(tuple(rung.generators), row, pool, exclude, None if left is None else max(left - rest, 0.0))
        if answered.lists:
            return rung.name, rung.generators, answered
        last = OneByOne(self.models).call([self.last], row, pool, exclude)
        answered.lists |= last.lists
        answered.missing = {name: why for name, why in answered.missing.items() if name not in last.lists} | last.missing
        return self.last, {self.last: 1.0}, answered

    def _check(self, model: str | None, factors: Mapping[str, float]) -> None:
        require(
            model is None or model in self.models,
            f"model={model!r}",
            "no such model in this release",
            f"pass one of {', '.join(sorted(self.models))}, or none for the merged list",
        )
        unknown = sorted(set(factors) - set(self.models))
        require(not unknown, f"weights of {unknown}", f"the models are {sorted(self.models)}", "name models that exist")
        for name, factor in factors.items():
            require(0 <= factor < math.inf, f"weights[{name!r}]={factor}", "a factor is 0 or more", "pass 0 to leave a generator out")

    def _in_time(self, rungs: Sequence[Rung], seconds: float | None) -> Rung:
        """The first rung whose slowest generator is expected in time and that the budget allows; the last one if there is none."""
        if seconds is None:
            return rungs[0]
        for rung in rungs:
            in_time = max(map(self.calls.expected, rung.generators), default=0.0) <= seconds
            if in_time and (not rung.dear or self._affords(sum(map(self.calls.cost, rung.generators)))):
                return rung
        return rungs[-1]

    def _affords(self, seconds: float) -> bool:
        return self.budget is None or self.budget.take(seconds)

    def _explain(self, row: Histories, items: np.ndarray, steering: Steering, missing: dict[str, str], left: float | None) -> list[Reason]:
        if left is not None and (left < self._reasons.expected() or not self._affords(self._reasons_cost)):
            missing["reasons"] = LATE
            return [Reason("", "none")] * len(items)
        started, began = time.perf_counter(), spent()
        try:
            less = self._untold(steering)
            found = reasons(self.explainer, self.catalog, row, items, seconds=left, kinship=self.kinship, less=less)
        except (PenchantError, RuntimeError):
            missing["reasons"] = FAILED if left is None or time.perf_counter() - started < left else LATE
            return [Reason("", "none")] * len(items)
        self._reasons.took(time.perf_counter() - started)
        self._reasons_cost = smoothed(self._reasons_cost, spent() - began)
        return found

    def _untold(self, steering: Steering) -> np.ndarray | None:
        """bool[G + 1], categories that reasons do not name: the person wants less of them, or somebody took them out of the portrait."""
        if self.kinship is None or not (steering.tastes or steering.untold):
            return None
        return self.kinship.within(steering.unwanted(self.goods)) | self.kinship.below(steering.untold)


@dataclass(frozen=True)
class _Out:
    """Items that must not be shown: seen ones, those hidden or blocked, and what rules exclude."""

    seen: np.ndarray
    kept_out: np.ndarray
    barred: Barred

    def mask(self) -> np.ndarray:
        """bool[N + 1], all of them."""
        found = self.barred.mask.copy()
        found[self.seen] = True
        found[self.kept_out] = True
        return found

    def all_of_them(self) -> Histories:
        """As generators are told, one row."""
        return Histories.of([np.concatenate([self.seen, self.kept_out, np.flatnonzero(self.barred.mask)])])

    def most_popular(self, goods: Goods) -> tuple[Histories, bool]:
        """The same without the less popular where there are very many, see ``TOLD``; and whether these are all."""
        told = self.kept_out if len(self.kept_out) <= TOLD else goods.by_popularity(self.kept_out)[:TOLD]
        complete = self.barred.all_told and len(told) == len(self.kept_out)
        return Histories.of([np.concatenate([self.seen, told, self.barred.told])]), complete


@dataclass(frozen=True)
class _Made:
    """A list before its reasons."""

    rung: str
    answered: Answered
    items: np.ndarray
    scores: np.ndarray
    sources: Sequence[Sequence[str]]
    merged: Merged | None = None
    chosen: Chosen | None = None
    kept_out: np.ndarray | None = None
    unranked: np.ndarray | None = None
    left_out: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))


class _Clock:
    """Milliseconds of each stage, which may go on after another one."""

    def __init__(self) -> None:
        self.started = self.before = time.perf_counter()
        self.stages: dict[str, float] = {}

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + (now - self.before) * 1e3
        self.before = now

    def left(self, seconds: float | None) -> float | None:
        return None if seconds is None else seconds - (time.perf_counter() - self.started)

    def done(self) -> dict[str, float]:
        return {**self.stages, "total": (time.perf_counter() - self.started) * 1e3}


def _sources(merged: Merged, chosen: Chosen) -> list[list[str]]:
    return [merged.sources(place) if place >= 0 else ["rules" if place == BROUGHT else "fill"] for place in chosen.shown.places.tolist()]


def _true_of_rules(why: Sequence[Reason], chosen: Chosen | None) -> list[Reason]:
    """The same, but what stands where it does by chance or by a rule says so. An event that drives an item does so all the same."""
    found = list(why)
    if chosen is None:
        return found
    for place, (stood, drawn) in enumerate(zip(chosen.shown.places.tolist(), chosen.drawn.tolist(), strict=True)):
        if drawn:
            found[place] = Reason("Shown to find out who likes it", "chance")
        elif stood == BROUGHT and found[place].kind in ("popular", "interest", "history"):
            named = ", ".join(chosen.labels[place])
            found[place] = Reason(f"Brought in by a rule: {named}" if named else "Brought in by a rule", "rule")
    return found
