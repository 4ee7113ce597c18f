"""The figures of a report, each with its text for people who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np

from penchant.evaluate.drawing import COLOURS, MARKS, STYLE, blank, legend, read_out, svg, whiskers
from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Figure, Row, SliceRow, label


def accuracy(rows: Sequence[Row], metric: str, level: float) -> Figure:
    """One metric of every model with its interval, both rules for seen items; the first model is set in bold."""
    models = _models(rows)
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=1.4 + 0.55 * len(models))
        rules = [seen for seen in Seen if any(row.seen is seen for row in rows)]
        for index, seen in enumerate(rules):
            chosen = [row for row in rows if row.seen is seen]
            values = [row.metrics[metric] for row in chosen]
            height = np.array([models.index(row.model) for row in chosen]) + (index - (len(rules) - 1) / 2) * 0.26
            axes.errorbar(
                [value.mean for value in values],
                height,
                xerr=whiskers(values),
                label=f"seen items {seen}",
                fmt=MARKS[index],
                color=COLOURS[index],
                markerfacecolor="white" if index else COLOURS[index],
                markersize=7,
            )
        axes.set_yticks(range(len(models)), models)
        axes.get_yticklabels()[0].set_fontweight("bold")
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"{label(metric)}, {level:.0%} interval over users")
        legend(canvas, axes)
        content = svg(canvas)
    read = "; ".join(f"{row.model}, seen items {row.seen}: {read_out(row.metrics[metric])}" for row in rows)
    return Figure(
        "accuracy.svg",
        f"{label(metric)} of each model with {level:.0%} intervals over users.",
        f"Dot plot of {label(metric)}. {read}.",
        content,
    )


def by_slice(parts: Sequence[SliceRow], metric: str, level: float) -> Figure:
    """One metric of every model on each slice, a panel a group; seen items removed where that was run."""
    seen = parts[0].seen
    parts = [part for part in parts if part.seen is seen]
    groups = list(dict.fromkeys(part.group for part in parts))
    models = _models(parts)
    with matplotlib.rc_context(STYLE):
        canvas, panels = blank(len(groups), height=4.2)
        for axes, group in zip(panels, groups, strict=True):
            names = list(dict.fromkeys(part.name for part in parts if part.group == group))
            users = {part.name: part.users for part in parts if part.group == group}
            for index, model in enumerate(models):
                values = [part.metrics[metric] for part in parts if part.group == group and part.model == model]
                axes.errorbar(
                    np.arange(len(names)) + (index - (len(models) - 1) / 2) * min(0.14, 0.8 / len(models)),
                    [value.mean for value in values],
                    yerr=whiskers(values),
                    label=model,
                    fmt=MARKS[index % len(MARKS)],
                    color=COLOURS[index % len(COLOURS)],
                    markersize=6,
                    clip_on=False,  # marks at 0 stay whole
                )
            axes.set_xticks(range(len(names)), [f"{name}\n{users[name]:,}" for name in names])
            axes.set_xlim(-0.6, len(names) - 0.4)
            axes.set_ylim(bottom=0)
            axes.grid(visible=False, axis="x")
            axes.set_title(group, fontsize=11)
        panels[0].set_ylabel(label(metric))
        legend(canvas, panels[0])
        content = svg(canvas)
    read = "; ".join(f"{part.group} {part.name}, {part.model}: {read_out(part.metrics[metric])}" for part in parts)
    return Figure(
        "slices.svg",
        f"{label(metric)} by slice with {level:.0%} intervals, seen items {seen}; below each slice, its users.",
        f"Dot plots of {label(metric)} by slice, seen items {seen}. {read}.",
        content,
    )


def coverage(rows: Sequence[Row], metric: str, measure: str) -> Figure:
    """Accuracy against the share of the catalogue that is shown; filled marks: the first rule, hollow: the other."""
    models = _models(rows)
    first = rows[0].seen
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=4.2)
        for row in rows:
            index = models.index(row.model)
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(
                [100 * row.beyond[measure]],
                [row.metrics[metric].mean],
                MARKS[index % len(MARKS)],
                color=colour,
                markerfacecolor=colour if row.seen is first else "white",
                markersize=9,
                label=row.model if row.seen is first else None,
            )
        widest = max(100 * row.beyond[measure] for row in rows)
        axes.set_xlim(0, min(105, max(1, 1.15 * widest)))
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"{label(measure)} (% of the catalogue)")
        axes.set_ylabel(label(metric))
        legend(canvas, axes)
        content = svg(canvas)
    read = "; ".join(
        f"{row.model}, seen items {row.seen}: {row.beyond[measure]:.1%} of the catalogue, {label(metric)} {row.metrics[metric].mean:.4f}"
        for row in rows
    )
    return Figure(
        "coverage.svg",
        f"{label(metric)} against catalogue coverage; filled marks: seen items {first}, hollow marks: the other rule.",
        f"Scatter plot. {read}.",
        content,
    )


def training(curves: Mapping[str, Sequence[tuple[float, float]]], metric: str, models: Sequence[str]) -> Figure:
    """A validation metric over training.

    Args:
        curves: (epoch, value) pairs by model, at least one pair each.
        metric: Name of the metric, e.g. ``"ndcg@10"``.
        models: The order of the models in the other figures, so that each keeps its colour; others come after.
    """
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=3.8)
        order = list(dict.fromkeys((*models, *curves)))
        for model, points in curves.items():
            index = order.index(model)
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, marker=MARKS[index % len(MARKS)], color=COLOURS[index % len(COLOURS)], label=model, markersize=5)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{label(metric)} on validation")
        legend(canvas, axes)
        content = svg(canvas)
    best = {model: max(points, key=lambda point: point[1]) for model, points in curves.items()}
    read = "; ".join(f"{model}: best {value:.4f} at epoch {epoch:g}" for model, (epoch, value) in best.items())
    return Figure("training.svg", f"{label(metric)} on validation during training.", f"Line plot. {read}.", content)


def _models(rows: Sequence[Row] | Sequence[SliceRow]) -> list[str]:
    return list(dict.fromkeys(row.model for row in rows))
