"""The pages say what the records say; nothing else."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any

import pytest

from penchant.claims import atlas, discover, records
from penchant.claims.atlas_figures import arms, curves, drawn
from penchant.claims.claim import Claim
from penchant.claims.discover import claims, recipe
from penchant.claims.tuning import settings_of


def entry(name: str, role: str, value: float, recipe_name: str, settings: dict[str, Any]) -> dict[str, Any]:
    log = [{"epoch": float(step), "seconds": 2.0 * step, "loss": 5.0, "metric": value * step / 3} for step in (1, 2, 3)]
    return {
        "name": name,
        "role": role,
        "recipe": recipe_name,
        "settings": settings,
        "code": recipe(recipe_name).version,
        "metrics": {"ndcg@10": value, "recall@10": 2 * value},
        "intervals": {"ndcg@10": [value - 0.01, value + 0.01], "recall@10": [0.0, 1.0]},
        "seeds": {"ndcg@10": [value - 0.002, value + 0.002], "recall@10": [value, value]},
        "steps": 400,
        "positions": 10_000,
        "seconds": 61.5,
        "rank_seconds": 1.0,
        "peak_mb": 1500.0,
        "parameters": 1_234_567,
        "curves": [{"model": log}, {"model": log}],
    }


@pytest.fixture(scope="module")
def claim() -> Claim:
    return next(one for _, one in claims().values() if len(one.arms) == 2)


@pytest.fixture
def record(claim: Claim) -> dict[str, Any]:
    """A record as ``runner.judge`` writes it, with numbers that are easy to find again."""
    owner = claims()[claim.name][0]
    chosen, _ = settings_of(claim, claim.dataset)
    return {
        "claim": claim.name,
        "says": claim.says,
        "recipe": owner.name,
        "paper": vars(owner.paper),
        "dataset": claim.dataset,
        "split": claim.split,
        "split_says": "Leave one out.",
        "slice": claim.slice,
        "users": 943,
        "seen": "removed",
        "metric": "ndcg@10",
        "margin": claim.margin,
        "budget": str(claim.budget),
        "seeds": [0, 1],
        "verdict": "held",
        "difference": 0.0321,
        "interval": [0.0211, 0.0431],
        "comparisons": [
            {
                "other": claim.rivals[0].name,
                "role": "rival",
                "difference": 0.0321,
                "interval": [0.0211, 0.0431],
                "relative": 0.5,
                "needed": 0.0,
                "corrected": [0.0111, 0.0531],
                "verdict": "held",
            }
        ],
        "correction": {"method": "Bonferroni", "alpha": 0.05, "comparisons": 60, "draws": 20000},
        "arms": [
            entry(claim.subject.name, "subject", 0.0963, claim.subject.recipe, chosen[claim.subject.name]),
            entry(claim.rivals[0].name, "rival", 0.0642, claim.rivals[0].recipe, chosen[claim.rivals[0].name]),
        ],
        "definition": records.definition(claim),
        "machine": {"cpu": "Some processor", "cores": 2, "load": [0.5, 0.5, 0.5]},
        "commit": "abc123",
        "created": "2026-01-02",
        "tuning_trials": 6,
        "command": f"penchant claims run {claim.name}",
    }


def test_the_overview_tells_verdict_gain_and_cost(record: dict[str, Any], claim: Claim) -> None:
    page = atlas.index({claim.name: record})
    line = next(line for line in page.splitlines() if claim.says in line)
    assert "✔\u00a0held |" in line
    assert "NDCG@10 +0.0321<br>(+50.0%, 95% +0.0211 to +0.0431)" in line
    assert "62 s, 1.5 GB, 1.2M parameters" in line
    assert "✔ 1 held, ✘ 0 did not, ≈ 0 undecided" in page
    assert f"{len(claims()) - 1} not run yet; 0 records" in page


def test_every_recipe_has_a_line_and_a_page(tmp_path: Path) -> None:
    pages = atlas.write_atlas({}, tmp_path)
    assert pages == len(discover.recipes()) + 1
    index = (tmp_path / "index.md").read_text()
    for name in discover.recipes():
        assert f"]({name}.md)" in index
        assert (tmp_path / f"{name}.md").read_text().startswith("# ")


def test_a_page_has_the_numbers_and_leads_to_its_figures(record: dict[str, Any], claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("a recipe that is gone")
    atlas.write_atlas({claim.name: record}, tmp_path)
    assert not (tmp_path / "gone.md").exists()
    page = (tmp_path / f"{record['recipe']}.md").read_text()
    for told in (
        "+0.0321 (+50.0%)",
        "0.0963",
        "0.0642",
        "1,234,567",
        "abc123",
        "0.05 / 60 comparisons",
        "by 6 trials an arm",
    ):
        assert told in page
    for figure in (f"figures/{claim.name}.svg", f"figures/{claim.name}-curves.svg"):
        assert figure in page
        assert (tmp_path / figure).read_text().startswith("<?xml")


def test_a_record_older_than_its_code_is_shown_as_stale(record: dict[str, Any], claim: Claim) -> None:
    record["arms"][0]["code"] = "old"
    known = {claim.name: record}
    assert "✔ held (stale)" in atlas.index(known)
    assert "1 records are older than their code" in atlas.index(known)
    assert "This record is stale: the code of" in atlas.page(claims()[claim.name][0], known, {claim.name: drawn(record)})


def test_settings_that_were_tuned_since_make_a_record_stale(record: dict[str, Any], claim: Claim) -> None:
    record["arms"][0]["settings"] = {"width": 8, "dropout": 0.123456}
    page = atlas.page(claims()[claim.name][0], {claim.name: record}, {claim.name: drawn(record)})
    assert "other settings were tuned since" in page
    assert "width=8, dropout=0.1235" in page


def test_what_did_not_hold_is_shown_as_plainly(record: dict[str, Any], claim: Claim) -> None:
    lost = copy.deepcopy(record) | {"verdict": "not held", "difference": -0.02, "interval": [-0.03, -0.01]}
    assert "✘\u00a0not\u00a0held" in atlas.index({claim.name: lost})
    assert "-0.0200" in atlas.by_how_much(lost)


def test_figures_say_in_words_what_they_show(record: dict[str, Any], claim: Claim) -> None:
    assert f"{claim.subject.name} 0.0963" in arms(record).alt
    learnt = curves(record)
    assert learnt is not None and f"{claim.subject.name}: best 0.0963" in learnt.alt
    for arm in record["arms"]:
        arm["curves"] = [{}, {}]
    assert curves(record) is None


def test_remarks_stand_at_the_end_of_their_page(record: dict[str, Any], claim: Claim, tmp_path: Path) -> None:
    (tmp_path / "remarks").mkdir()
    (tmp_path / "remarks" / "ease.md").write_text("It has no seeds.\n")
    for _ in range(2):
        atlas.write_atlas({claim.name: record}, tmp_path)
    assert (tmp_path / "ease.md").read_text().endswith("\n\n## Remarks\n\nIt has no seeds.\n")
    assert "Remarks" not in (tmp_path / "elsa.md").read_text()


def test_the_committed_pages_are_those_of_the_committed_records(tmp_path: Path) -> None:
    root = Path(atlas.__file__).parents[2] / "docs" / "atlas"
    if (root / "remarks").exists():
        shutil.copytree(root / "remarks", tmp_path / "remarks")
    atlas.write_atlas(records.read_all(root / "records"), tmp_path)
    for made in tmp_path.glob("*.md"):
        assert (root / made.name).read_text() == made.read_text(), f"{made.name}: run penchant atlas"
