"""The report: one model against the others on one split, with intervals, and what it does not beat in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from penchant.core.storage import writing
from penchant.evaluate import tables
from penchant.evaluate.results import Comparison, Figure, Row, SliceRow

#: Version of the JSON shape.
SHAPE = 1


@dataclass(frozen=True)
class Report:
    """Everything a reader needs to trust, or to doubt, the numbers.

    Attributes:
        title: For the head of the page.
        model: The model under test.
        dataset: Counts, from ``Dataset.summary``.
        split: The sentence of the split.
        protocol: How it was measured, in sentences.
        rows: Every model under every rule.
        slices: The same on parts of the rows.
        comparisons: The model under test against each other one.
        verdicts: Plain sentences; what it does not beat comes before what it beats.
        notes: What a reader must know besides.
        figures: Drawn.
        machine: Where it ran, see ``penchant.core.machine``.
        commit: Of the code; empty where it is installed and not a checkout.
        seeds: Of training.
        metric: The headline metric, e.g. ``"ndcg@10"``.
    """

    title: str
    model: str
    dataset: Mapping[str, Any]
    split: str
    protocol: str
    rows: Sequence[Row]
    slices: Sequence[SliceRow]
    comparisons: Sequence[Comparison]
    verdicts: Sequence[str]
    notes: Sequence[str]
    figures: Sequence[Figure] = field(repr=False)
    machine: Mapping[str, Any]
    commit: str
    seeds: Sequence[int]
    metric: str

    def to_json(self) -> dict[str, Any]:
        """JSON values. Figures are named, with caption and alt text; their content is in files (see ``write``)."""
        values = {name: getattr(self, name) for name in ("title", "model", "split", "protocol", "commit", "metric")}
        return {
            "shape": SHAPE,
            **values,
            "dataset": dict(self.dataset),
            "rows": [_row(row) for row in self.rows],
            "slices": [asdict(part) for part in self.slices],
            "comparisons": [{**asdict(one), "sentence": one.sentence()} for one in self.comparisons],
            "verdicts": list(self.verdicts),
            "notes": list(self.notes),
            "figures": [{"name": drawn.name, "caption": drawn.caption, "alt": drawn.alt} for drawn in self.figures],
            "machine": dict(self.machine),
            "seeds": list(self.seeds),
        }

    def to_markdown(self) -> str:
        """The report as one page; figures are linked as ``figures/<name>``."""
        counts = ", ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in self.dataset.items() if name != "name")
        lines = [f"# {self.title}", "", *(f"- {sentence}" for sentence in self.verdicts), ""]
        lines += [
            f"**Data.** {self.dataset.get('name', '')}: {counts}",
            "",
            f"**Split.** {self.split}",
            "",
            f"**Protocol.** {self.protocol}",
            "",
        ]
        lines += [f"**Note.** {note}\n" for note in self.notes]
        lines += [table.to_markdown() for table in self._tables(intervals=True)]
        lines += [f"![{drawn.alt}](figures/{drawn.name})\n\n*{drawn.caption}*\n" for drawn in self.figures]
        machine = ", ".join(f"{name} {_plain(value)}" for name, value in self.machine.items() if name != "commit")
        lines += [f"**Machine.** {machine or 'not stated'}", "", f"**Code.** {self.commit or 'not stated'}", ""]
        lines += [f"**Training seeds.** {', '.join(map(str, self.seeds)) or 'not stated'}", ""]
        return "\n".join(lines)

    def to_rich(self) -> Group:
        """The report for a terminal: the accuracy table, the verdicts, and the smaller tables."""
        first, *others = (table.to_rich() for table in self._tables(intervals=False))
        said = [Padding(Text(f"- {sentence}"), (0, 0, 0, 2)) for sentence in (*self.verdicts, *(f"Note: {note}" for note in self.notes))]
        return Group(
            Text(self.title, style="bold"), Text(self.split), Text(""), first, *said, Text(""), *others, Text(self.protocol, style="dim")
        )

    def write(self, folder: Path) -> None:
        """Write ``report.json``, ``report.md`` and ``figures/`` into ``folder`` (made if need be; old files replaced).

        Raises:
            StorageError: The disk refused.
        """
        with writing(folder):
            (folder / "figures").mkdir(parents=True, exist_ok=True)
            for drawn in self.figures:
                (folder / "figures" / drawn.name).write_bytes(drawn.content)
            (folder / "report.md").write_text(self.to_markdown(), encoding="utf-8")
            (folder / "report.json").write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")

    def _tables(self, *, intervals: bool) -> list[tables.Table]:
        """``intervals``: with room for them everywhere, as on a page; otherwise what fits a terminal."""
        cutoff = self.metric.partition("@")[2]
        shown = ("ndcg", "recall", "hit_rate", "mrr", "map") if intervals else ("ndcg", "recall")
        rules = list(dict.fromkeys(row.seen for row in self.rows))
        found = [tables.accuracy(self.rows, [f"{name}@{cutoff}" for name in shown])]
        if intervals and self.comparisons:
            found.append(tables.comparisons(self.comparisons))
        found += [tables.by_slice(self.slices, self.metric, seen, intervals=intervals) for seen in (rules if intervals else rules[:1])]
        found.append(tables.beyond_accuracy(self.rows))
        if intervals:
            found += [tables.all_metrics(self.rows, seen) for seen in rules]
        return [*found, tables.costs(self.rows)]


def _row(row: Row) -> dict[str, Any]:
    values = asdict(row)
    values["cost"] |= {"rank_seconds": values.pop("rank_seconds"), "users_per_second": values.pop("users_per_second")}
    return values


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " / ".join(map(_plain, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
