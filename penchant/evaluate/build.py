"""Building a report: measure every evaluation, compare the model under test with the others, say what came out, draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from penchant.core.errors import require
from penchant.core.machine import Machine, describe
from penchant.data.histories import Histories
from penchant.data.splits import Split, Targets
from penchant.evaluate import figures
from penchant.evaluate.beyond import Background, beyond
from penchant.evaluate.metrics import label
from penchant.evaluate.protocol import TIES, Evaluation, Seen
from penchant.evaluate.report import Report
from penchant.evaluate.results import Comparison, Cost, Row, SliceRow
from penchant.evaluate.significance import Resampling, Verdict, compare, holm, intervals, verdict
from penchant.evaluate.slices import Slice, slices

#: What every report should set the model against; a missing one is named in the notes.
BASELINES = ("Popularity", "Item-kNN", "EASE", "SASRec")


def build_report(
    evaluations: Sequence[Evaluation],
    split: Split,
    targets: Targets | None = None,
    *,
    dataset: Mapping[str, Any],
    title: str | None = None,
    costs: Mapping[str, Cost] | None = None,
    vectors: np.ndarray | None = None,
    curves: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    machine: Machine | None = None,
    seeds: Sequence[int] = (),
    notes: Sequence[str] = (),
    how: Resampling | None = None,
) -> Report:
    """Measure, compare, draw.

    Args:
        evaluations: The model under test first, then the others, each under both rules for seen items.
        split: Where training events and the split's sentence come from.
        targets: What was asked; the split's test by default.
        dataset: Counts, from ``Dataset.summary``.
        title: By default the model and the data set.
        costs: What each model cost to train, by name.
        vectors: float[N + 1, D] item vectors for intra-list distance.
        curves: (epoch, validation value of the headline metric) pairs by model, for a figure of training.
        machine: What it ran on, and the commit; this machine by default.
        seeds: Of training.
        notes: Further things a reader must know.
        how: Intervals and tests.

    Raises:
        InputError: No evaluation, rows that are not the targets' rows, different cut-offs, the same model twice under
            one rule, or a rule under which the model under test was not run.
    """
    how, machine, targets = how or Resampling(), machine or describe(), targets or split.test
    _check(evaluations, targets)
    model = evaluations[0].model
    order = list(dict.fromkeys(one.model for one in evaluations))
    evaluations = sorted(evaluations, key=lambda one: (list(Seen).index(one.seen), order.index(one.model)))
    cutoff = max((k for k in evaluations[0].ks if k <= 10), default=evaluations[0].ks[0])
    headline = (f"ndcg@{cutoff}", f"recall@{cutoff}")
    background = Background.of(split.train, split.num_items, vectors)
    rows = [_measured(one, cutoff, background, (costs or {}).get(one.model, Cost()), how) for one in evaluations]
    parts = [_on_slice(part, one, headline, how) for one in evaluations for part in slices(split, targets)]
    found = _comparisons(evaluations, model, headline, how)
    drawn = [
        figures.accuracy(rows, headline[0], how.level),
        figures.by_slice(parts, headline[0], how.level),
        figures.coverage(rows, headline[0], f"coverage@{cutoff}"),
    ]
    if curves:
        drawn.append(figures.training(curves, headline[0], order))
    return Report(
        title=title or f"{model} on {dataset.get('name', 'this data set')}",
        model=model,
        dataset=dataset,
        split=split.name,
        protocol=_protocol(evaluations, targets.items, split.num_items, len(found), how),
        rows=rows,
        slices=parts,
        comparisons=found,
        verdicts=_verdicts(model, found, headline[0]),
        notes=(*notes, *_notes(evaluations, model, dataset, machine)),
        figures=drawn,
        machine=machine.plain(),
        commit=machine.commit or "",
        seeds=seeds,
        metric=headline[0],
    )


def _measured(one: Evaluation, cutoff: int, background: Background, cost: Cost, how: Resampling) -> Row:
    return Row(
        model=one.model,
        seen=one.seen,
        metrics=intervals(one.metrics, how),
        beyond=beyond(one.lists, cutoff, background),
        cost=cost,
        rank_seconds=one.seconds,
        users_per_second=one.users_per_second,
    )


def _on_slice(part: Slice, one: Evaluation, names: Sequence[str], how: Resampling) -> SliceRow:
    values = intervals({name: one.metrics[name][part.rows] for name in names}, how)
    return SliceRow(part.group, part.name, part.rule, part.size, one.model, one.seen, values)


def _comparisons(evaluations: Sequence[Evaluation], model: str, names: Sequence[str], how: Resampling) -> list[Comparison]:
    own = {one.seen: one for one in evaluations if one.model == model}
    asked = [(own[one.seen], one, name) for name in names for one in evaluations if one.model != model]
    found = [compare(mine.metrics[name], other.metrics[name], how) for mine, other, name in asked]
    adjusted = holm([one.p for one in found])
    return [
        Comparison(model, other.model, other.seen, name, gap.mean, gap.p, float(p), verdict(gap.mean.mean, p, how.alpha))
        for (_, other, name), gap, p in zip(asked, found, adjusted, strict=True)
    ]


def _verdicts(model: str, found: Sequence[Comparison], metric: str) -> list[str]:
    """A count for each rule, then a sentence for each comparison on the headline metric: what is not beaten first."""
    asked = [one for one in found if one.metric == metric]
    if not asked:
        return [f"{model} was compared with no other model, so nothing can be said of what it beats."]
    counts = []
    for seen in dict.fromkeys(one.seen for one in asked):
        outcomes = [one.verdict for one in asked if one.seen is seen]
        counts.append(f"{outcomes.count(Verdict.BETTER)} of {len(outcomes)} with seen items {seen}")
    order = {Verdict.WORSE: 0, Verdict.SAME: 1, Verdict.BETTER: 2}
    ordered = sorted(asked, key=lambda one: order[one.verdict])
    return [f"On {label(metric)}, {model} beats {' and '.join(counts)}.", *(one.sentence() for one in ordered)]


def _protocol(evaluations: Sequence[Evaluation], items: Histories, num_items: int, comparisons: int, how: Resampling) -> str:
    rules = {one.seen for one in evaluations}
    said = [
        f"Every model ranks all {num_items:,} items for each of {len(items):,} users ({items.num_events:,} targets); no sampled negatives.",
        TIES,
    ]
    if Seen.REMOVED in rules:
        said.append(
            "Seen items removed: what the user had before cannot be recommended, so a target that the user had before counts as a miss "
            f"({evaluations[0].repeated:.1%} of targets)."
        )
    if Seen.KEPT in rules:
        said.append("Seen items kept: what the user had before competes like everything else.")
    said.append(
        f"Intervals are {how.level:.0%} percentile bootstrap intervals over users ({how.resamples:,} resamples); they tell what other "
        "users would change, not what other training seeds would."
    )
    if comparisons:
        said.append(
            f"Verdicts come from paired sign-flip tests over users at {how.alpha:g}, with Holm's correction over all {comparisons} "
            "comparisons; the interval of a difference is of that comparison alone."
        )
    return " ".join(said)


def _notes(evaluations: Sequence[Evaluation], model: str, dataset: Mapping[str, Any], machine: Machine) -> list[str]:
    notes = list(dict.fromkeys(note for one in evaluations for note in one.notes))
    present = {_bare(one.model) for one in evaluations}
    missing = [name for name in BASELINES if _bare(name) not in present]
    if missing:
        notes.append(f"Not in this report: {', '.join(missing)}. Nothing here says that {model} beats them.")
    for seen in Seen:
        ran = {one.model for one in evaluations if one.seen is seen}
        absent = [name for name in dict.fromkeys(one.model for one in evaluations) if name not in ran]
        if absent:
            notes.append(f"Not run with seen items {seen}: {', '.join(absent)}.")
    if dataset.get("timed") is False:
        notes.append("The source has no times: events are in the order it gives, and equal times, if it had any, are in that order too.")
    if machine.load[0] > machine.cores:
        notes.append(f"The machine was busy ({machine.load[0]:g} processes wanted its {machine.cores} cores): all times are too long.")
    return notes


def _check(evaluations: Sequence[Evaluation], targets: Targets) -> None:
    require(len(evaluations) > 0, "0 evaluations", "a report is about at least one", "evaluate a model first")
    for one in evaluations:
        require(
            len(one) == len(targets),
            f"{one.model} on {len(one)} rows",
            f"the targets have {len(targets)}",
            "evaluate every model on these targets",
        )
        require(
            one.ks == evaluations[0].ks,
            f"{one.model} at {one.ks}",
            f"{evaluations[0].model} was measured at {evaluations[0].ks}",
            "use the same ks",
        )
    model = evaluations[0].model
    rules, own = {one.seen for one in evaluations}, {one.seen for one in evaluations if one.model == model}
    require(
        rules == own, f"{model} under {sorted(own)}", f"others were run under {sorted(rules)}", "run the model under test under every rule"
    )
    keys = [(one.model, one.seen.value) for one in evaluations]
    require(
        len(set(keys)) == len(keys), f"evaluations {keys}", "a model is there once for each rule", "give different models different names"
    )


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
