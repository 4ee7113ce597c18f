"""What every figure shares: SVG, the same bytes from the same numbers.

Colours are those of Okabe and Ito, which colour-blind people can tell apart, and every model has its own mark as well.
The ground is white in every theme, so that text keeps its contrast on a dark page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.layout_engine import ConstrainedLayoutEngine

from penchant.evaluate.significance import Interval

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#A34E82", "#8A6100", "#1C7FB5", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")

STYLE: dict[Any, Any] = {
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


def blank(panels: int, height: float) -> tuple[Canvas, list[Axes]]:
    """An empty figure with ``panels`` side by side."""
    canvas = Canvas(figsize=(7.2, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1), facecolor="white")
    return canvas, list(canvas.subplots(1, panels, squeeze=False)[0])


def legend(canvas: Canvas, axes: Axes) -> None:
    """The names of one panel, below all."""
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))


def whiskers(values: Sequence[Interval]) -> np.ndarray:
    """float[2, n]: how far each interval reaches below and above its mean."""
    return np.maximum(0, [[v.mean - v.low for v in values], [v.high - v.mean for v in values]])


def read_out(value: Interval) -> str:
    """A value with its interval, in words."""
    return f"{value.mean:.4f} ({value.low:.4f} to {value.high:.4f})"


def svg(canvas: Canvas) -> bytes:
    """The file."""
    buffer = io.BytesIO()
    FigureCanvasSVG(canvas).print_svg(buffer, metadata={"Date": None, "Creator": "Penchant"})
    return buffer.getvalue()
