from __future__ import annotations

from rich.console import Console

from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Comparison, Cost, Row, SliceRow
from penchant.evaluate.significance import Interval, Verdict
from penchant.evaluate.tables import Table, accuracy, all_metrics, beyond_accuracy, by_slice, comparisons, costs

VALUE = {"ndcg@10": Interval(0.25, 0.2, 0.3)}
ROWS = [
    Row(model, seen, VALUE, {"coverage@10": 0.5} if model == "A" else {}, Cost(train_seconds=1234.56, parameters=7), 2.0, 3000.0)
    for seen in Seen
    for model in ("A", "B|C")
]


def test_markdown_has_one_line_a_row_and_escapes_bars() -> None:
    table = accuracy(ROWS, ["ndcg@10"])
    lines = table.to_markdown().splitlines()
    assert lines[:5] == ["## Accuracy", "", "| Model | Seen | NDCG@10 |", "|---|---:|---:|", "| A | removed | 0.2500 [0.2000, 0.3000] |"]
    assert lines[5] == "| B\\|C | removed | 0.2500 [0.2000, 0.3000] |"
    assert len(lines) == 4 + len(ROWS)


def test_rich_shows_brackets_as_they_are() -> None:
    console = Console(width=60)
    with console.capture() as capture:
        console.print(Table("[bold]", ("[red]a", "b"), (("[x]", "0.1 [0, 1]"),)).to_rich())
    assert all(text in capture.get() for text in ("[bold]", "[red]a", "[x]", "0.1 [0, 1]"))


def test_what_was_not_measured_is_a_dash() -> None:
    assert beyond_accuracy(ROWS).columns == ("Model", "Seen", "Coverage")
    assert [row[2] for row in beyond_accuracy(ROWS).rows] == ["0.500", "–", "0.500", "–"]
    assert costs(ROWS).rows == (("A", "1,234.6", "7", "–", "3,000", "3,000"), ("B|C", "1,234.6", "7", "–", "3,000", "3,000"))


def test_slices_stand_below_their_group_beside_every_model() -> None:
    parts = [
        SliceRow(group, name, "the rule", 1200, model, Seen.KEPT, {"ndcg@10": Interval(value, 0, 1)})
        for model, value in (("A", 0.25), ("B", 0.5))
        for group, name in (("items", "head"), ("items", "tail"), ("length", "short"))
    ]
    short, long = (by_slice(parts, "ndcg@10", Seen.KEPT, intervals=intervals) for intervals in (False, True))
    assert short.columns == ("Slice", "Users", "A", "B")
    assert [row[0] for row in short.rows] == ["Items", "  head", "  tail", "Length", "  short"]
    assert short.rows[1][1:] == ("1,200", "0.2500", "0.5000")
    assert long.rows[2] == ("tail (the rule)", "1,200", "0.2500 [0.0000, 1.0000]", "0.5000 [0.0000, 1.0000]")


def test_comparisons_and_all_metrics() -> None:
    found = [Comparison("A", "B", Seen.KEPT, "ndcg@10", Interval(0.1, 0, 0.2), 0.0001, p, Verdict.BETTER) for p in (0.0002, 0.02)]
    table = comparisons(found)
    assert table.rows[0] == ("B", "kept", "NDCG@10", "+0.1000 [0.0000, +0.2000]", "<0.001", "better")
    assert table.rows[1][4] == "0.020"
    assert all_metrics(ROWS, Seen.KEPT).rows == (("NDCG@10", "0.2500", "0.2500"),)
