"""The pages of measured speed and of drills are the ones that their records make, and hide no loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness import compared, row, stamped
from benchmarks.page import DRILLS, PAGE, drills, page


def test_the_committed_pages_are_made_from_the_committed_records() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m benchmarks.page"
    assert DRILLS.read_text(encoding="utf-8") == drills(), "run: python -m benchmarks.page"


def test_a_loss_is_shown(tmp_path: Path) -> None:
    one = compared("ranking", "users/s", [10.0, 30.0, 20.0], [40.0, 80.0, 40.0], bar=3)
    one |= {"peer_name": "them", "peer_version": "1.0"}
    (tmp_path / "peers.json").write_text(json.dumps([stamped(one)]), encoding="utf-8")
    assert "| ranking | users/s | 20 | 40 | them 1.0 | 0.5 | 3: **missed** |" in page(tmp_path)


def test_less_time_is_a_ratio_above_one() -> None:
    one = compared("one user", "ms", [2.0], [6.0], bar=3, more_is_better=False)
    assert one["ratio"] == pytest.approx(3)
    assert one["holds"]


def test_a_row_keeps_the_machine_it_was_measured_on() -> None:
    assert stamped({**row("a", "s", 1.0), "commit": "earlier"})["commit"] == "earlier"
