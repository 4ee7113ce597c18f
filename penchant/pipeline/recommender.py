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
from penchant.pipeline.calls import FAILED, LATE, Answered, Calls, OneByOne
from penchant.pipeline.lane import Generator
from penchant.pipeline.merge import Merged, merge
from penchant.pipeline.pace import Pace
from penchant.pipeline.policy import PolicySettings, space_out, spacing_keys
from penchant.pipeline.reasons import Explainer, Reason, reasons
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
        score: Of the model, or of the merge.
        sources: Generators that named it, the one that ranked it best first.
        reason: Why it is here.
    """

    item: int
    item_id: str
    score: float
    sources: tuple[str, ...]
    reason: Reason


@dataclass(frozen=True)
class Rung:
    """A way to make a list, and what it needs.

    Attributes:
        name: As the answer tells it.
        generators: That are merged, with their weights.
    """

    name: str
    generators: Mapping[str, float]

    def weighted(self, factors: Mapping[str, float]) -> Rung:
        """The same with the weights times ``factors``, without generators whose factor is 0."""
        weights = {name: weight * factors.get(name, 1.0) for name, weight in self.generators.items()}
        return Rung(self.name, {name: weight for name, weight in weights.items() if weight > 0})


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
        policy: Rules of a list.
        blocked: Codes of items that must not be shown to anybody.
        calls: How generators are called; one by one by default.
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
    ) -> None:
        named = {name for rung in rungs for name in rung.generators} | set(newcomers) | {last}
        unknown = sorted(named - set(models))
        require(not unknown, f"generators {unknown}", f"the models are {sorted(models)}", "name models that exist")
        require(len(rungs) > 0, "no rungs", "a list is made in some way", "pass at least one rung")
        self.catalog, self.models, self.rungs, self.newcomers, self.last = catalog, dict(models), tuple(rungs), dict(newcomers), last
        self.explainer = explainer
        self.policy = policy or PolicySettings()
        self.keys = spacing_keys(catalog)
        self.blocked = tuple(sorted(blocked))
        self.calls = calls or OneByOne(self.models)
        self._rest, self._reasons = Pace(), Pace()  # of all but the generators; of the reasons

    def recommend(
        self,
        events: Sequence[str | dict] | None = None,
        *,
        history: Histories | None = None,
        k: int = 20,
        model: str | None = None,
        exclude_seen: bool = True,
        hidden: Sequence[int] = (),
        explain: bool = True,
        seconds: float | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Recommendation:
        """Recommend for any history, of people never seen in training too.

        Args:
            events: What somebody did, oldest first: item ids, or mappings with ``item_id``, ``event``, ``timestamp``.
            history: The same as one row of codes; give one of the two, or neither for somebody new.
            k: Length of the list, 1..N. Fewer come back when fewer are left.
            model: One model by name, its list as it is; None merges the generators and applies the policy.
            exclude_seen: Leave out what the history holds.
            hidden: Codes of further items to leave out.
            explain: Give reasons (costs one more scoring of a few short histories).
            seconds: That the answer may take; None: as long as it takes. What cannot be done in time is left out.
            weights: Factors on the weights of generators, by name; those not named keep theirs, 0 leaves one out.

        Raises:
            UnknownIdError: An event names an item that is not in the catalogue.
            InputError: k, model or weights are out of range.
        """
        clock = _Clock()
        check_k(k, len(self.catalog))
        self._check_weights(weights or {})
        require(
            model is None or model in self.models,
            f"model={model!r}",
            "no such model in this release",
            f"pass one of {', '.join(sorted(self.models))}, or none for the merged list",
        )
        row = history if history is not None else history_of(self.catalog, events or [])
        exclude = _excluded(row, exclude_seen, (*hidden, *self.blocked))
        clock.stage("state")
        if model is not None:
            found, merged, rung = self.models[model].recommend(row, k, exclude=exclude), None, model
            answered = Answered({model: found})
            clock.stage("generate")
            items, scores, sources = _single(found, k, model)
        else:
            rung, weights, answered = self._generate(row, k, exclude, seconds, clock, weights or {})
            clock.stage("generate")
            merged = merge(answered.lists, weights)
            places = space_out(merged.items.tolist(), self.keys, self.policy, k)
            items, scores, sources = merged.items[places], merged.scores[places], [merged.sources(place) for place in places]
        clock.stage("merge and policy")
        missing = dict(answered.missing)
        why = self._explain(row, items, missing, clock.left(seconds)) if explain else [Reason("", "none")] * len(items)
        clock.stage("reasons")
        ids = self.catalog.items.decode(items)
        suggestions = tuple(
            Suggestion(int(item), item_id, float(score), tuple(source), reason)
            for item, item_id, score, source, reason in zip(items, ids, scores, sources, why, strict=True)
        )
        spent = clock.done()
        self._rest.took((spent["total"] - spent["generate"] - spent["reasons"]) / 1e3)
        return Recommendation(
            suggestions, row.num_events, rung, tuple(answered.lists), missing, spent, answered.lists, merged, answered.milliseconds
        )

    def _generate(
        self, row: Histories, k: int, exclude: Histories, seconds: float | None, clock: _Clock, factors: Mapping[str, float]
    ) -> tuple[str, Mapping[str, float], Answered]:
        """The rung, its weights, and what its generators named."""
        pool = min(len(self.catalog), max(LEAST_POOL, POOL * k))
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

    def _check_weights(self, factors: Mapping[str, float]) -> None:
        unknown = sorted(set(factors) - set(self.models))
        require(not unknown, f"weights of {unknown}", f"the models are {sorted(self.models)}", "name models that exist")
        for name, factor in factors.items():
            require(0 <= factor < math.inf, f"weights[{name!r}]={factor}", "a factor is 0 or more", "pass 0 to leave a generator out")

    def _in_time(self, rungs: Sequence[Rung], seconds: float | None) -> Rung:
        """The first rung whose slowest generator is expected in time; the last one if none is."""
        if seconds is None:
            return rungs[0]
        in_time = (rung for rung in rungs if max(map(self.calls.expected, rung.generators), default=0.0) <= seconds)
        return next(in_time, rungs[-1])

    def _explain(self, row: Histories, items: np.ndarray, missing: dict[str, str], left: float | None) -> list[Reason]:
        if left is not None and left < self._reasons.expected():
            missing["reasons"] = LATE
            return [Reason("", "none")] * len(items)
        started = time.perf_counter()
        try:
            found = reasons(self.explainer, self.catalog, row, items)
        except (PenchantError, RuntimeError):
            missing["reasons"] = FAILED
            return [Reason("", "none")] * len(items)
        self._reasons.took(time.perf_counter() - started)
        return found


class _Clock:
    """Milliseconds between stages."""

    def __init__(self) -> None:
        self.started = self.before = time.perf_counter()
        self.stages: dict[str, float] = {}

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = (now - self.before) * 1e3
        self.before = now

    def left(self, seconds: float | None) -> float | None:
        return None if seconds is None else seconds - (time.perf_counter() - self.started)

    def done(self) -> dict[str, float]:
        return {**self.stages, "total": (time.perf_counter() - self.started) * 1e3}


def _excluded(row: Histories, exclude_seen: bool, hidden: Sequence[int]) -> Histories:
    seen = row.items if exclude_seen else np.zeros(0, np.int32)
    return Histories.of([np.concatenate([seen, np.asarray(hidden, np.int32)])])


def _single(found: TopK, k: int, name: str) -> tuple[np.ndarray, np.ndarray, list[list[str]]]:
    real = found.items[0] > 0
    return found.items[0][real][:k], found.scores[0][real][:k], [[name]] * int(real.sum())
