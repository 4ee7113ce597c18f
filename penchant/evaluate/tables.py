"""The tables of a report, once, for Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import rich.table
from rich import box
from rich.text import Text

from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Comparison, Row, SliceRow, gap, label, spread


@dataclass(frozen=True)
class Table:
    """Plain cells; the first column is text, the others are numbers or short words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """A heading and a GitHub table."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

        rule = "|---|" + "---:|" * (len(self.columns) - 1)
        return "\n".join([f"## {self.title}", "", line(self.columns), rule, *map(line, self.rows), ""])

    def to_rich(self) -> rich.table.Table:
        """For a terminal."""
        table = rich.table.Table(title=Text(self.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for index, column in enumerate(self.columns):
            table.add_column(Text(column), justify="right" if index else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


def accuracy(rows: Sequence[Row], names: Sequence[str]) -> Table:
    """Means with intervals of a few metrics, every model under both rules."""
    return Table(
        "Accuracy",
        ("Model", "Seen", *map(label, names)),
        tuple((row.model, row.seen.value, *(spread(row.metrics[name]) for name in names)) for row in rows),
    )


def all_metrics(rows: Sequence[Row], seen: Seen) -> Table:
    """Means of every metric, a column a model."""
    chosen = [row for row in rows if row.seen is seen]
    return Table(
        f"All metrics, seen items {seen}",
        ("Metric", *(row.model for row in chosen)),
        tuple((label(name), *(f"{row.metrics[name].mean:.4f}" for row in chosen)) for name in chosen[0].metrics),
    )


def beyond_accuracy(rows: Sequence[Row]) -> Table:
    """Coverage, exposure, novelty, variety; all have the same cut-off, which the title tells."""
    names = list(dict.fromkeys(name for row in rows for name in row.beyond))
    return Table(
        f"Beyond accuracy, first {names[0].partition('@')[2]} places",
        ("Model", "Seen", *(label(name.partition("@")[0]) for name in names)),
        tuple((row.model, row.seen.value, *(_number(row.beyond.get(name), 3) for name in names)) for row in rows),
    )


def by_slice(parts: Sequence[SliceRow], metric: str, seen: Seen, *, intervals: bool) -> Table:
    """One metric on each slice, a column a model; with or without intervals and the slices' rules."""
    chosen = [part for part in parts if part.seen is seen]
    models = list(dict.fromkeys(part.model for part in chosen))
    cells = {(part.group, part.name, part.model): part.metrics[metric] for part in chosen}
    lines: list[tuple[str, ...]] = []
    for group, heads in groupby(chosen[: len(cells) // len(models)], key=lambda part: part.group):
        lines.append((group.capitalize(), *[""] * (1 + len(models))))
        for head in heads:
            values = [cells[group, head.name, model] for model in models]
            name = f"{head.name} ({head.rule})" if intervals else f"  {head.name}"
            lines.append((name, f"{head.users:,}", *(spread(value) if intervals else f"{value.mean:.4f}" for value in values)))
    return Table(f"{label(metric)} by slice, seen items {seen}", ("Slice", "Users", *models), tuple(lines))


def comparisons(found: Sequence[Comparison]) -> Table:
    """The model under test against each other model."""
    model = found[0].model
    return Table(
        f"{model} against the others (difference = {model} minus the other)",
        ("Against", "Seen", "Metric", "Difference", "Adjusted p", "Verdict"),
        tuple(
            (one.against, one.seen.value, label(one.metric), gap(one.difference), _p(one.adjusted_p), one.verdict.value) for one in found
        ),
    )


def costs(rows: Sequence[Row]) -> Table:
    """Time, size and memory, a line a model."""
    rules = list(dict.fromkeys(row.seen for row in rows))
    speed = {(row.model, row.seen): row.users_per_second for row in rows}
    return Table(
        "Cost",
        ("Model", "Training (s)", "Parameters", "Peak (MB)", *(f"Users/s, seen {seen}" for seen in rules)),
        tuple(
            (
                model,
                _number(cost.train_seconds, 1),
                _number(cost.parameters, 0),
                _number(cost.peak_mb, 0),
                *(_number(speed.get((model, seen)), 0) for seen in rules),
            )
            for model, cost in {row.model: row.cost for row in rows}.items()
        ),
    )


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
