from __future__ import annotations

import pytest

from penchant.evaluate.protocol import Seen
from penchant.evaluate.results import Comparison, gap, label, signed, spread
from penchant.evaluate.significance import Interval, Verdict

MINUS = "\N{MINUS SIGN}"


def comparison(difference: Interval, verdict: Verdict) -> Comparison:
    return Comparison("Tandem", "EASE", Seen.KEPT, "ndcg@10", difference, 0.03, 0.24, verdict)


@pytest.mark.parametrize(
    ("difference", "verdict", "sentence"),
    [
        (
            Interval(-0.004, -0.007, -0.001),
            Verdict.WORSE,
            f"Tandem does not beat EASE on NDCG@10 with seen items kept: it is worse, "
            f"difference {MINUS}0.0040 [{MINUS}0.0070, {MINUS}0.0010].",
        ),
        (
            Interval(0.001, -0.001, 0.003),
            Verdict.SAME,
            f"Tandem does not beat EASE on NDCG@10 with seen items kept: the difference +0.0010 [{MINUS}0.0010, +0.0030] "
            "cannot be told from chance (adjusted p 0.24).",
        ),
        (
            Interval(0.01, 0.005, 0.015),
            Verdict.BETTER,
            "Tandem beats EASE on NDCG@10 with seen items kept: difference +0.0100 [+0.0050, +0.0150].",
        ),
    ],
)
def test_sentences(difference: Interval, verdict: Verdict, sentence: str) -> None:
    assert comparison(difference, verdict).sentence() == sentence


def test_numbers_are_written_alike_everywhere() -> None:
    assert spread(Interval(0.05544, 0.0541, 0.0567)) == "0.0554 [0.0541, 0.0567]"
    assert gap(Interval(-0.5, -1, 0.25), 2) == f"{MINUS}0.50 [{MINUS}1.00, +0.25]"
    assert (signed(-0.00001), signed(0.00001), signed(-1.5, 1)) == ("0.0000", "0.0000", f"{MINUS}1.5")


def test_labels_cover_accuracy_and_beyond() -> None:
    assert [label(name) for name in ("ndcg@10", "coverage@10", "intra_list_distance", "hit_rate@5")] == [
        "NDCG@10",
        "Coverage@10",
        "Distance",
        "HitRate@5",
    ]
