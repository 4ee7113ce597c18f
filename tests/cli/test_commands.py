"""The commands, end to end at tiny size, with their errors in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import ArtifactError, InputError, UnknownIdError
from penchant.items.moves import Moves
from penchant.pipeline import job
from penchant.pipeline.job import JobSettings
from penchant.pipeline.release import load_release

run = CliRunner().invoke


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small tables: 40 users, 30 items in five groups that go together."""
    folder = tmp_path_factory.mktemp("shop")
    random = np.random.default_rng(0)
    words = ("tea", "lamp", "rope", "drum", "boot")
    kinds = [words[place % 5] for place in range(30)]
    items = [{"item_id": f"p{place}", "title": f"{kind} number {place}", "categories": [kind]} for place, kind in enumerate(kinds)]
    events = []
    for user in range(40):
        liked = random.permutation([place for place in range(30) if place % 5 == user % 5])[:5]
        for order, place in enumerate(liked):
            events.append({"user_id": f"u{user}", "item_id": f"p{place}", "timestamp": 1_700_000_000 + 60 * order})
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    pl.DataFrame(items).write_parquet(folder / "items.parquet")
    return folder


@pytest.fixture(scope="module")
def release(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release made by ``penchant train``, with less training than usual."""
    out = tmp_path_factory.mktemp("out")
    usual = job.for_dataset

    def quick(*args: object, **named: object) -> JobSettings:
        settings = usual(*args, **named)  # type: ignore[arg-type]
        return settings.but(**{name: getattr(settings, name).but(epochs=2) for name in ("tandem_training", "sasrec_training")})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("penchant.cli.jobs.for_dataset", quick)
        done = run(app, ["train", str(shop), "--encoder", "tfidf", "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return out / "release"


def test_train_writes_a_release_with_its_report(release: Path) -> None:
    loaded = load_release(release)
    assert len(loaded.space.catalog) == 30
    assert {"tandem", "tandem-dense", "tandem-codes", "sasrec", "ease", "item-knn", "content", "popularity"} == set(loaded.models)
    assert loaded.report is not None
    assert {row["model"] for row in loaded.report["rows"]} >= {"Tandem", "SASRec", "EASE", "Item-kNN", "Popularity"}
    assert not list(release.parent.glob("work/*/*/checkpoint"))


@pytest.mark.parametrize("model", [None, "tandem", "tandem-codes", "ease", "sasrec", "popularity"])
def test_recommend_for_a_user_and_for_any_history(release: Path, model: str | None) -> None:
    chosen = ["--model", model] if model else []
    for who in (["--user", "u3"], ["-e", "p3", "-e", "p8"], []):
        done = run(app, ["recommend", "--release", str(release), "-k", "5", *who, *chosen], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert "number" in done.output


def test_search_and_items(release: Path) -> None:
    assert "rope number" in run(app, ["search", "rope", "--release", str(release)], catch_exceptions=False).output
    assert "cosine" in run(app, ["items", "near", "p3", "--release", str(release)], catch_exceptions=False).output
    assert "30 items" in run(app, ["items", "tree", "--release", str(release)], catch_exceptions=False).output


def test_items_build_reports_the_codes(shop: Path, tmp_path: Path) -> None:
    options = ["--encoder", "tfidf", "--codebook", "4", "--levels", "2", "--out", str(tmp_path / "items")]
    done = run(app, ["items", "build", str(shop), *options], catch_exceptions=False)
    assert done.exit_code == 0
    assert "0 after it" in done.output


def test_items_report_drift_and_refit(release: Path, shop: Path, tmp_path: Path) -> None:
    items, encoder = str(tmp_path / "items"), ["--encoder", "tfidf"]
    built = ["items", "build", str(shop), *encoder, "--codebook", "4", "--levels", "2", "--collisions", "spread", "--out", items]
    assert run(app, built, catch_exceptions=False).exit_code == 0
    assert (tmp_path / "items-codes" / "codes.svg").exists()
    for place, out in ((items, tmp_path / "items-codes"), (str(release), tmp_path / "codes")):
        done = run(app, ["items", "report", place, "--out", str(out)], catch_exceptions=False)
        assert done.exit_code == 0 and "nearest neighbours" in done.output
        assert json.loads((out / "codes.json").read_text())["stability"]["changed"]
        assert (out / "codes.svg").read_bytes().startswith(b"<?xml")
    moved = run(app, ["items", "refit", items, "--budget", "0.1"], catch_exceptions=False)
    assert moved.exit_code == 0 and "of 30 items moved" in moved.output
    assert Moves.load(tmp_path / "items-refit-moves").total == 30
    assert "of 30 items have other codes" in " ".join(
        run(app, ["items", "drift", items, f"{items}-refit"], catch_exceptions=False).output.split()
    )
    pl.DataFrame({"item_id": ["n1", "n2"], "title": ["rope number 99", "drum number 98"]}).write_csv(tmp_path / "new.csv")
    for place in (items, str(release)):
        done = run(app, ["items", "drift", place, str(tmp_path / "new.csv"), *encoder], catch_exceptions=False)
        assert done.exit_code == 0 and "2 new items" in done.output
    with pytest.raises(InputError, match="it is a share of the items"):
        run(app, ["items", "refit", items, "--budget", "2"], catch_exceptions=False)
    with pytest.raises(ArtifactError, match="codes lie in a release or an item space"):
        run(app, ["items", "report", str(tmp_path / "items-refit-moves")], catch_exceptions=False)


def test_data_show_and_lint(shop: Path) -> None:
    assert "30" in run(app, ["data", "show", str(shop)], catch_exceptions=False).output
    assert run(app, ["data", "lint", str(shop)], catch_exceptions=False).exit_code in (0, 1)


def test_import_maps_columns(tmp_path: Path) -> None:
    lines = [f"c{n % 3},s{n % 4},2024-01-0{1 + n % 9}" for n in range(12)]
    (tmp_path / "orders.csv").write_text("\n".join(["customer,sku,when", *lines]) + "\n")
    done = run(
        app,
        [
            "data",
            "import",
            str(tmp_path / "orders.csv"),
            str(tmp_path / "shop"),
            "-c",
            "user_id=customer",
            "-c",
            "item_id=sku",
            "-c",
            "timestamp=when",
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    assert len(pl.read_parquet(tmp_path / "shop" / "events.parquet")) == 12


def test_errors_name_value_rule_and_remedy(release: Path) -> None:
    with pytest.raises(UnknownIdError, match="user_id='nobody'"):
        run(app, ["recommend", "--release", str(release), "--user", "nobody"], catch_exceptions=False)
    with pytest.raises(InputError, match="k=31: a list holds 1 to 30 items"):
        run(app, ["recommend", "--release", str(release), "-k", "31"], catch_exceptions=False)
    with pytest.raises(InputError, match="--user together with --event"):
        run(app, ["recommend", "--release", str(release), "--user", "u1", "-e", "p1"], catch_exceptions=False)


def test_the_program_ends_with_one_line_and_code_two(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "penchant.cli.main", "recommend", "--release", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "ArtifactError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [[], ["data"], ["items"], ["demo"], ["train"], ["evaluate"], ["recommend"], ["search"], ["serve"]])
def test_help_teaches_by_example(command: list[str]) -> None:
    done = run(app, [*command, "--help"], catch_exceptions=False)
    assert done.exit_code == 0
    if command and command[0] not in {"data", "items"}:
        assert "Example" in done.output
