"""``penchant enrich``, ``judge``, ``explain`` and ``portraits build`` against a real server with a real small model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.progress import quiet
from penchant.serve.backends import opened
from tests.llm.real_server import transformers_server
from tests.serve.conftest import make_release

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """Options that name the server and its model."""
    with transformers_server(tmp_path_factory.mktemp("serve")) as (url, name):
        yield "--server", url, "--model", name


def test_all_commands_that_ask_a_model_ask_a_server(asked: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penchant.cli.language_models.cache_folder", lambda: tmp_path)

    def run(*words: str | Path) -> str:
        with quiet():
            done = CliRunner().invoke(app, [*map(str, words), *asked], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    with quiet():
        release = make_release(tmp_path / "release")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "items.csv").write_text("item_id,title,description\n1,Avery Folders,Keep papers together.\n2,Teapot,For tea.\n")
    (shop / "events.csv").write_text("user_id,item_id,timestamp\n" + "".join(f"u{n % 2},{1 + n % 2},{n}\n" for n in range(6)))
    (tmp_path / "attributes.json").write_text('{"audience": ["children", "adults"]}')

    assert "answers, 0 from before" in run("enrich", shop, "--attributes", tmp_path / "attributes.json", "--out", tmp_path / "enriched")
    lines = [json.loads(line) for line in (tmp_path / "enriched" / "enriched.jsonl").read_text().splitlines()]
    assert {line["item_id"] for line in lines} <= {"1", "2"}
    assert all(line["attributes"].get("audience", "adults") in ("children", "adults") for line in lines)

    # This server holds no model to a set of labels: what a small model says besides is set aside with its reason.
    assert "0 from before" in run("judge", "--release", release, "--users", "1", "-k", "2", "--out", tmp_path / "judged")
    judged = [json.loads(line) for path in (tmp_path / "judged").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len({line["id"] for line in judged}) == 2
    assert all(line["error"] == "AnswerError" and line["reason"] for line in judged if "error" in line)

    explained = run("explain", "u1", "--release", release, "-k", "1")
    assert "Because you" in explained or "Dropped:" in explained or "kept" in explained

    built = run("portraits", "build", "--release", release, "--state", tmp_path / "state", "--users", "2")
    assert "2 portraits made" in built
    with opened(tmp_path / "state") as (_, store):
        assert len(store.names("portrait:", limit=10)) == 2
