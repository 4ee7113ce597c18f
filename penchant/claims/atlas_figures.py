"""The figures of an atlas page: the arms with their intervals, and how each of them learnt."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np

from penchant.claims.claim import LISTS
from penchant.evaluate.drawing import COLOURS, MARKS, STYLE, blank, legend, svg
from penchant.evaluate.metrics import label
from penchant.evaluate.results import Figure


def drawn(record: dict[str, Any]) -> list[Figure]:
    """All figures of a record: the arms first."""
    learnt = curves(record)
    return [arms(record)] if learnt is None else [arms(record), learnt]


def arms(record: dict[str, Any]) -> Figure:
    """The metric of every arm: its mean with a 95% interval over users and seeds, and each seed as a dot."""
    metric, rows = record["metric"], record["arms"]
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=1.3 + 0.5 * len(rows))
        for index, arm in enumerate(rows):
            mean, (low, high) = arm["metrics"][metric], arm["intervals"][metric]
            colour = COLOURS[0] if arm["role"] == "subject" else COLOURS[1] if arm["role"] == "rival" else COLOURS[4]
            axes.errorbar([mean], [index], xerr=np.maximum(0, [[mean - low], [high - mean]]), fmt=MARKS[0], color=colour, markersize=8)
            seeds = arm["seeds"][metric]
            axes.plot(seeds, [index + 0.18] * len(seeds), "|", color=colour, markersize=7)
        axes.set_yticks(range(len(rows)), [f"{arm['name']}\n({arm['role']})" for arm in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"{label(metric)}, 95% interval over {record.get('rows', LISTS)} and seeds; strokes: seeds")
        content = svg(canvas)
    read = "; ".join(f"{arm['name']} {arm['metrics'][metric]:.4f}" for arm in rows)
    return Figure(f"{record['claim']}.svg", f"{label(metric)} of each arm on {record['dataset']}.", f"Dot plot. {read}.", content)


def curves(record: dict[str, Any]) -> Figure | None:
    """Validation over training time of every arm that was trained in steps, a line a seed; None if none was."""
    drawn = [(index, arm, log) for index, arm in enumerate(record["arms"]) for log in _main(arm) if len(log) > 1]
    if not drawn:
        return None
    with matplotlib.rc_context(STYLE):
        canvas, (axes,) = blank(1, height=3.8)
        named: set[int] = set()
        for index, arm, log in drawn:
            axes.plot(
                [entry["seconds"] for entry in log],
                [entry["metric"] for entry in log],
                marker=MARKS[index % len(MARKS)],
                color=COLOURS[index % len(COLOURS)],
                markersize=3,
                linewidth=1,
                label=None if index in named else arm["name"],
            )
            named.add(index)
        axes.set_xlabel("seconds of training, validation not counted; a line a seed")
        axes.set_ylabel("NDCG@10 on validation")
        axes.set_ylim(bottom=0)
        legend(canvas, axes)
        content = svg(canvas)
    best = {arm["name"]: max(entry["metric"] for entry in log) for _, arm, log in drawn}
    read = "; ".join(f"{name}: best {value:.4f}" for name, value in best.items())
    return Figure(f"{record['claim']}-curves.svg", "How each arm learnt.", f"Line plot. {read}.", content)


def _main(arm: dict[str, Any]) -> list[list[dict[str, float]]]:
    """Of every seed, the entries of the last trained part that was validated."""
    logs = [[entry for entry in log if "metric" in entry] for parts in arm["curves"] for log in list(parts.values())[-1:]]
    return [log for log in logs if log]
