"""The figures of a report: SVG, the same bytes from the same numbers, each with its text for people who do not see it.

Colours are those of Okabe and Ito, which colour-blind people can tell apart, and every model has its own mark as well.
The ground is white in every theme, so that text keeps its contrast on a dark page.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine

from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Figure, Row, SliceRow, label
from penchant.evaluate.significance import Interval

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#A34E82", "#8A6100", "#1C7FB5", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")

_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "penchant",  # element ids from the content, not from chance
    "svg.fonttype": "path",  # looks the same where the font is missing
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "errorbar.capsize": 3,
}


def accuracy(rows: Sequence[Row], metric: str, level: float) -> Figure:
    """One metric of every model with its interval, both rules for seen items; the first model is set in bold."""
    models = _models(rows)
    with matplotlib.rc_context(_STYLE):
        canvas, (axes,) = _canvas(1, height=1.4 + 0.55 * len(models))
        rules = [seen for seen in Seen if any(row.seen is seen for row in rows)]
        for index, seen in enumerate(rules):
            chosen = [row for row in rows if row.seen is seen]
            values = [row.metrics[metric] for row in chosen]
            height = np.array([models.index(row.model) for row in chosen]) + (index - (len(rules) - 1) / 2) * 0.26
            axes.errorbar(
                [value.mean for value in values],
                height,
                xerr=_whiskers(values),
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
        _legend(canvas, axes)
        content = _svg(canvas)
    read = "; ".join(f"{row.model}, seen items {row.seen}: {_read(row.metrics[metric])}" for row in rows)
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
    with matplotlib.rc_context(_STYLE):
        canvas, panels = _canvas(len(groups), height=4.2)
        for axes, group in zip(panels, groups, strict=True):
            names = list(dict.fromkeys(part.name for part in parts if part.group == group))
            users = {part.name: part.users for part in parts if part.group == group}
            for index, model in enumerate(models):
                values = [part.metrics[metric] for part in parts if part.group == group and part.model == model]
                axes.errorbar(
                    np.arange(len(names)) + (index - (len(models) - 1) / 2) * min(0.14, 0.8 / len(models)),
                    [value.mean for value in values],
                    yerr=_whiskers(values),
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
        _legend(canvas, panels[0])
        content = _svg(canvas)
    read = "; ".join(f"{part.group} {part.name}, {part.model}: {_read(part.metrics[metric])}" for part in parts)
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
    with matplotlib.rc_context(_STYLE):
        canvas, (axes,) = _canvas(1, height=4.2)
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
        _legend(canvas, axes)
        content = _svg(canvas)
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
    with matplotlib.rc_context(_STYLE):
        canvas, (axes,) = _canvas(1, height=3.8)
        order = list(dict.fromkeys((*models, *curves)))
        for model, points in curves.items():
            index = order.index(model)
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, marker=MARKS[index % len(MARKS)], color=COLOURS[index % len(COLOURS)], label=model, markersize=5)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel(f"{label(metric)} on validation")
        _legend(canvas, axes)
        content = _svg(canvas)
    best = {model: max(points, key=lambda point: point[1]) for model, points in curves.items()}
    read = "; ".join(f"{model}: best {value:.4f} at epoch {epoch:g}" for model, (epoch, value) in best.items())
    return Figure("training.svg", f"{label(metric)} on validation during training.", f"Line plot. {read}.", content)


def _models(rows: Sequence[Row] | Sequence[SliceRow]) -> list[str]:
    return list(dict.fromkeys(row.model for row in rows))


def _canvas(panels: int, height: float) -> tuple[Canvas, list[Axes]]:
    canvas = Canvas(figsize=(7.2, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), facecolor="white")
    return canvas, list(canvas.subplots(1, panels, squeeze=False)[0])


def _legend(canvas: Canvas, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))


def _whiskers(values: Sequence[Interval]) -> np.ndarray:
    """float[2, n]: how far each interval reaches below and above its mean."""
    return np.maximum(0, [[v.mean - v.low for v in values], [v.high - v.mean for v in values]])


def _read(value: Interval) -> str:
    return f"{value.mean:.4f} ({value.low:.4f} to {value.high:.4f})"


def _svg(canvas: Canvas) -> bytes:
    buffer = io.BytesIO()
    FigureCanvasSVG(canvas).print_svg(buffer, metadata={"Date": None, "Creator": "Penchant"})
    return buffer.getvalue()
