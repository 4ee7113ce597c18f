"""The commands around claims, on a data set of the reader's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.claims.discover import claims, recipes
from penchant.cli.main import app
from penchant.core.errors import InputError
from tests.claims.conftest import folder  # noqa: F401  # a fixture


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is read from or written to the source tree or the user's cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PENCHANT_CACHE", str(tmp_path / "cache"))
    return tmp_path


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["claims", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_list_names_every_claim() -> None:
    told = said("list")
    assert f"{len(claims())} claims of {len(recipes())} recipes" in told


def test_show_tells_what_is_compared() -> None:
    told = said("show", "fossil-needs-both-halves")
    assert "Similarity and Markov chain together rank better than either alone." in told
    assert "rival Markov chain alone: fossil {'long': False}" in told
    assert "Not run yet: penchant claims run fossil-needs-both-halves" in told


def test_run_on_own_data_small_writes_a_record_apart(folder: Path, elsewhere: Path) -> None:  # noqa: F811
    told = said("run", "bpr-mf-beats-popularity", "--dataset", str(folder), "--fast")
    assert "1 claims in" in told
    path = elsewhere / "runs" / "claims" / "fast" / "bpr-mf-beats-popularity.json"
    record = json.loads(path.read_text())
    assert record["users"] == 150
    assert record["seeds"] == [0]
    assert record["arms"][0]["steps"] == 100
    assert record["command"].endswith("--fast")
    assert not (elsewhere / "docs").exists()
    written = path.stat().st_mtime_ns
    said("run", "bpr-mf-beats-popularity", "--dataset", str(folder), "--fast")
    assert path.stat().st_mtime_ns == written  # the record is up to date: nothing is run again
    said("run", "bpr-mf-beats-popularity", "--dataset", str(folder), "--fast", "--again")
    assert path.stat().st_mtime_ns > written


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "say which claims"),
        (("run", "sasrec", "--all"), "say which claims"),
        (("run", "no-such"), "there is no such claim or recipe"),
        (("run", "popularity"), "it makes no claim"),
        (("show", "no-such"), "no recipe makes it"),
        (("run", "fossil", "--dataset", "nowhere"), "neither a path nor a data set"),
        (("tune", "ease"), "a recipe is tuned on a data set, by a number of trials"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        said(*words)


def test_atlas_writes_its_pages(elsewhere: Path) -> None:
    done = CliRunner().invoke(app, ["atlas", "--out", str(elsewhere / "pages")])
    assert done.exit_code == 0, done.output
    assert (elsewhere / "pages" / "index.md").read_text().count("not run yet") > 10
