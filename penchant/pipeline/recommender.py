"""From a history to a list: generate, merge, apply policy, explain. The same call serves the library, the CLI and HTTP."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from penchant.contracts import Retriever, Scorer, TopK
from penchant.core.errors import PenchantError, require
from penchant.data.catalog import Catalog
from penchant.data.dataset import history_of
from penchant.data.histories import Histories
from penchant.pipeline.merge import merge
from penchant.pipeline.policy import PolicySettings, space_out, spacing_keys
from penchant.pipeline.reasons import Reason, reasons
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
class Recommendation:
    """A list, and how it came about.

    Attributes:
        used, missing: Parts that took part, and parts that failed (the list is made without them).
        milliseconds: Time of each stage.
    """

    suggestions: tuple[Suggestion, ...]
    history_length: int
    used: tuple[str, ...]
    missing: tuple[str, ...]
    milliseconds: dict[str, float] = field(default_factory=dict)


class Recommender:
    """The composed system.

    Args:
        catalog: N items.
        models: Every retriever that can be asked for by name.
        generators: Names of those that are merged by default, with their weights. The fallback is added when the
            history is empty.
        explainer: The model whose scores give the reasons.
        fallback: The name of the model for people without a history.
        policy: Rules of a list.
        blocked: Codes of items that must not be shown to anybody.
    """

    def __init__(
        self,
        catalog: Catalog,
        models: Mapping[str, Retriever],
        *,
        generators: Mapping[str, float],
        explainer: Scorer,
        fallback: str,
        policy: PolicySettings | None = None,
        blocked: Collection[int] = (),
    ) -> None:
        unknown = [name for name in (*generators, fallback) if name not in models]
        require(not unknown, f"generators {unknown}", f"the models are {sorted(models)}", "name models that exist")
        self.catalog, self.models, self.generators = catalog, dict(models), dict(generators)
        self.explainer, self.fallback = explainer, fallback
        self.policy = policy or PolicySettings()
        self.keys = spacing_keys(catalog)
        self.blocked = tuple(sorted(blocked))

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

        Raises:
            UnknownIdError: An event names an item that is not in the catalogue.
            InputError: k or model is out of range.
        """
        started = time.perf_counter()
        check_k(k, len(self.catalog))
        require(
            model is None or model in self.models,
            f"model={model!r}",
            "no such model in this release",
            f"pass one of {', '.join(sorted(self.models))}, or none for the merged list",
        )
        row = history if history is not None else history_of(self.catalog, events or [])
        exclude = _excluded(row, exclude_seen, (*hidden, *self.blocked))
        clock = _Clock(started)
        clock.stage("state")
        lists, missing = self._generate(row, k, model, exclude)
        clock.stage("generate")
        if model is not None:
            items, scores, sources = _single(lists[model], k, model)
        else:
            items, scores, sources = self._compose(lists, k)
        clock.stage("merge and policy")
        why = self._explain(row, items, missing) if explain else [Reason("", "none")] * len(items)
        clock.stage("reasons")
        ids = self.catalog.items.decode(items)
        suggestions = tuple(
            Suggestion(int(item), item_id, float(score), tuple(source), reason)
            for item, item_id, score, source, reason in zip(items, ids, scores, sources, why, strict=True)
        )
        return Recommendation(suggestions, row.num_events, tuple(lists), tuple(missing), clock.done())

    def _generate(self, row: Histories, k: int, model: str | None, exclude: Histories) -> tuple[dict[str, TopK], list[str]]:
        if model is not None:
            return {model: self.models[model].recommend(row, k, exclude=exclude)}, []
        names = self.generators if row.num_events else {self.fallback: 1.0}
        pool = min(len(self.catalog), max(LEAST_POOL, POOL * k))
        lists: dict[str, TopK] = {}
        missing: list[str] = []
        for name in names:
            try:
                lists[name] = self.models[name].recommend(row, pool, exclude=exclude)
            except (PenchantError, RuntimeError):  # a broken part costs its candidates, not the answer
                missing.append(name)
        return lists, missing

    def _compose(self, lists: Mapping[str, TopK], k: int) -> tuple[np.ndarray, np.ndarray, list[list[str]]]:
        merged = merge(lists, self.generators)
        places = space_out(merged.items.tolist(), self.keys, self.policy, k)
        return merged.items[places], merged.scores[places], [merged.sources(place) for place in places]

    def _explain(self, row: Histories, items: np.ndarray, missing: list[str]) -> list[Reason]:
        try:
            return reasons(self.explainer, self.catalog, row, items)
        except (PenchantError, RuntimeError):
            missing.append("reasons")
            return [Reason("", "none")] * len(items)


class _Clock:
    """Milliseconds between stages."""

    def __init__(self, started: float) -> None:
        self.started = self.before = started
        self.stages: dict[str, float] = {}

    def stage(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = (now - self.before) * 1e3
        self.before = now

    def done(self) -> dict[str, float]:
        return {**self.stages, "total": (time.perf_counter() - self.started) * 1e3}


def _excluded(row: Histories, exclude_seen: bool, hidden: Sequence[int]) -> Histories:
    seen = row.items if exclude_seen else np.zeros(0, np.int32)
    return Histories.of([np.concatenate([seen, np.asarray(hidden, np.int32)])])


def _single(found: TopK, k: int, name: str) -> tuple[np.ndarray, np.ndarray, list[list[str]]]:
    real = found.items[0] > 0
    return found.items[0][real][:k], found.scores[0][real][:k], [[name]] * int(real.sum())
