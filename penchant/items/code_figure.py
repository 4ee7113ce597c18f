"""The code report as one figure: six panels, from what the codes keep to what they save."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine

from penchant.evaluate.drawing import COLOURS, MARKS, STYLE, svg
from penchant.evaluate.results import Figure
from penchant.items.code_report import CodeReport

_OURS, _OTHER, _CHANCE = COLOURS[0], COLOURS[1], "#8C8C8C"
_MOST_TICKS = 8  # levels named on an axis


def code_figure(report: CodeReport) -> Figure:
    """Draw a code report: error, use, meaning, neighbours, stability and size."""
    with matplotlib.rc_context({**STYLE, "font.size": 10, "axes.titlesize": 11, "axes.titleweight": "bold"}):
        layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.14, wspace=0.04, hspace=0.06)
        canvas = Canvas(figsize=(11.6, 7.0), layout=layout, facecolor="white")
        panels = list(canvas.subplots(2, 3).ravel())
        for draw, axes in zip((_error, _use, _meaning, _neighbours, _stability, _size), panels, strict=True):
            draw(report, axes)
        content = svg(canvas)
    read = " ".join(
        f"Level {one.level}: error {one.mse:.4f} (shuffled {one.mse_shuffled:.4f}), {one.used} of {one.codes} codes used, "
        f"perplexity {one.perplexity:.1f}."
        for one in report.levels
    )
    caption = (
        f"What the codes of {report.items:,} items keep, how evenly they are used, what they mean, how long they last, what they save."
    )
    return Figure("codes.svg", caption, f"Six panels. {read} {' '.join(report.sentences())}", content)


def _error(report: CodeReport, axes: Axes) -> None:
    levels = [one.level for one in report.levels]
    _line(axes, levels, [one.mse for one in report.levels], "these codes", 0)
    _line(axes, levels, [one.mse_shuffled for one in report.levels], "shuffled codes", 1)
    axes.set_title("What is lost")
    axes.set_ylabel("mean squared error\n(vectors of length 1)")
    _levels(axes, report, "levels read")


def _use(report: CodeReport, axes: Axes) -> None:
    place = np.arange(len(report.levels)) + 1.0
    axes.bar(place, [one.codes for one in report.levels], width=0.7, color="#E3E3E3", label="codes there are")
    axes.bar(place, [one.used for one in report.levels], width=0.52, color="#9FC8E6", label="codes used")
    axes.bar(place, [one.perplexity for one in report.levels], width=0.3, color=_OURS, label="as if evenly used (perplexity)")
    axes.set_title("How evenly codes are used")
    axes.set_ylabel("codes")
    axes.grid(visible=False, axis="x")
    _room(axes, max(one.codes for one in report.levels), above=0.5)
    _levels(axes, report, "level")


def _meaning(report: CodeReport, axes: Axes) -> None:
    axes.set_title("Items below one prefix are alike")
    rows = [(one.level, one.purity, one.purity_shuffled) for one in report.levels if one.purity is not None]
    if not rows:
        _nothing(axes, "no categories,\nor no prefix is shared")
        return
    levels, real, mixed = zip(*rows, strict=True)
    _line(axes, levels, [100 * one for one in real], "these codes", 0)
    _line(axes, levels, [100 * one for one in mixed], "shuffled codes", 1)
    axes.set_ylabel("with commonest category (%)")
    _room(axes, 100)
    _levels(axes, report, "length of the prefix (codes)")


def _neighbours(report: CodeReport, axes: Axes) -> None:
    axes.set_title("Neighbours have like codes")
    found = report.neighbours
    if found is None:
        _nothing(axes, "one item has\nno neighbours")
        return
    _pairs(
        axes,
        [f"first code\n({found.k} nearest)", "length of\ncommon prefix"],
        [
            ("these codes", [100 * found.first, 100 * found.prefix]),
            ("shuffled codes", [100 * found.first_shuffled, 100 * found.prefix_shuffled]),
        ],
        "{:.0f}",
    )
    axes.set_ylabel("shared with neighbours (%)")
    _room(axes, 100)


def _stability(report: CodeReport, axes: Axes) -> None:
    axes.set_title("New codes after a new fit")
    found = report.stability
    if found is None:
        _nothing(axes, "not measured,\nor fewer than 10 items")
        return
    levels = range(1, len(found.changed) + 1)
    _line(axes, levels, [100 * one for one in found.changed], "labels by chance", 1)
    _line(axes, levels, [100 * one for one in found.changed_aligned], "labels matched", 0)
    axes.set_ylabel("old items with a new prefix (%)")
    _room(axes, 100)
    _levels(axes, report, "length of the prefix (codes)")


def _size(report: CodeReport, axes: Axes) -> None:
    both = (report.tables, report.tables_million)
    names = [f"{report.items:,} items", "1,000,000 items\n(projected)"]
    axes.set_yscale("log")
    _pairs(axes, names, [("codes", [one.code_rows for one in both]), ("item IDs", [one.items for one in both])], "{:,.0f}")
    axes.set_title("Embeddings a model needs")
    axes.set_ylabel("rows of the embedding table")
    axes.set_ylim(bottom=min(10.0, 0.5 * min(one.code_rows for one in both), 0.5 * report.items), top=3e8)


def _line(axes: Axes, levels: Sequence[int], values: Sequence[float], name: str, kind: int) -> None:
    colour = (_OURS, _CHANCE)[kind]
    axes.plot(levels, values, MARKS[kind] + ("-", "--")[kind], color=colour, label=name, markersize=6, clip_on=False)


def _pairs(axes: Axes, names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], form: str) -> None:
    """Bars side by side with their values above them."""
    place = np.arange(len(names))
    for index, (name, values) in enumerate(series):
        bars = axes.bar(place + 0.38 * (index - 0.5), values, width=0.34, color=(_OURS, _CHANCE)[index], label=name)
        axes.bar_label(bars, labels=[form.format(value) for value in values], padding=2, fontsize=9)
    axes.set_xticks(place, names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper left", fontsize=9)


def _room(axes: Axes, most: float, above: float = 0.32) -> None:
    """From 0 to the most, with room for the names above."""
    axes.set_ylim(0, (1 + above) * most)
    ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= 1.01 * most]
    axes.set_yticks(ticks)


def _levels(axes: Axes, report: CodeReport, name: str) -> None:
    count = len(report.levels)
    axes.set_xticks(range(1, count + 1, -(-count // _MOST_TICKS)))
    axes.set_xlim(0.4, count + 0.6)
    axes.set_xlabel(name)
    if axes.get_title() == "What is lost":
        axes.set_ylim(0, 1.32 * max(one.mse_shuffled for one in report.levels) or 1.0)
    axes.legend(loc="upper left", fontsize=9)


def _nothing(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, ha="center", va="center", color="#595959", transform=axes.transAxes)
