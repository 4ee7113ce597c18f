"""``penchant experiment`` against a running server, and the price of a change."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from penchant.cli import experiments
from penchant.cli.main import app
from penchant.core.errors import InputError, PenchantError, StorageError, UnknownIdError
from penchant.pipeline.release import load_release
from penchant.serve.app import create_app
from penchant.serve.sqlite_log import SqliteEventLog
from penchant.serve.sqlite_served import SqliteServedLog
from penchant.serve.sqlite_store import SqliteStateStore
from tests.serve.conftest import make_release
from tests.servers import served

run = CliRunner().invoke
TRIED = {
    "name": "more-ease",
    "arms": [{"name": "as-is", "share": 0.5}, {"name": "twice", "share": 0.5, "weights": {"ease": 2.0}}],
    "metrics": [{"name": "clicks", "events": ["click"]}],
    "guardrails": [{"metric": "milliseconds", "margin": 10.0}],
}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as the terminal, which is none here."""
    monkeypatch.setattr(experiments, "console", Console(width=200))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(tmp_path_factory.mktemp("tiny") / "release")


@pytest.fixture(scope="module")
def server(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("state")
    with (
        closing(SqliteEventLog(folder / "events.sqlite")) as log,
        closing(SqliteStateStore(folder / "state.sqlite")) as store,
        closing(SqliteServedLog(folder / "served.sqlite")) as answers,
        served(create_app(load_release(release), log=log, store=store, served=answers)) as url,
    ):
        yield url


def said(*words: str) -> str:
    done = run(app, ["experiment", *words], catch_exceptions=False, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    return done.output


def refused(error: type[PenchantError], *words: str) -> str:
    with pytest.raises(error) as raised:
        run(app, ["experiment", *words], catch_exceptions=False)
    return str(raised.value)


def test_from_start_to_stop(server: str, tmp_path: Path) -> None:
    file = tmp_path / "more-ease.json"
    file.write_text(json.dumps(TRIED), encoding="utf-8")
    assert "more-ease: running" in said("start", str(file), "--server", server)
    assert "as-is 50%, twice 50%" in said("list", "--server", server)
    shown = said("show", "more-ease", "--server", server)
    assert "no difference shown yet" in shown
    assert "guardrail milliseconds of twice: not known yet (too few users)" in shown
    assert "there is or was an experiment of that name" in refused(InputError, "start", str(file), "--server", server)
    assert "more-ease: ended, stopped by hand" in said("stop", "more-ease", "--server", server)
    assert "stopped by hand" in said("list", "--server", server)


def test_refusals_are_told_in_the_servers_own_words(server: str, tmp_path: Path) -> None:
    assert "there is none of that name" in refused(UnknownIdError, "show", "none", "--server", server)
    assert "there is none of that name" in refused(UnknownIdError, "stop", "a b?", "--server", server)
    assert "it cannot be read" in refused(InputError, "start", str(tmp_path / "none.json"), "--server", server)
    (tmp_path / "wrong.json").write_text('{"name": "x"}', encoding="utf-8")
    assert "field required" in refused(InputError, "start", str(tmp_path / "wrong.json"), "--server", server)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        assert "no answer" in refused(StorageError, "list", "--server", f"http://127.0.0.1:{free.getsockname()[1]}")
    assert "begins with http" in refused(InputError, "list", "--server", "file:///etc")


def test_a_price_is_told(release: Path, tmp_path: Path) -> None:
    told = said("price", "--release", str(release), "--weights", "tandem=0", "-w", "content=0", "--users", "30", "-k", "5")
    assert "ndcg@5" in told and "recall@5" in told
    assert "30 users, their newest event" in told
    with_live = said("price", "--release", str(release), "-w", "together=2", "--state", str(tmp_path), "--users", "5")
    assert "100% of the places stay as they are" in with_live, "nobody did anything yet, so nothing goes together"
    assert "weights of ['together']" in refused(InputError, "price", "--release", str(release), "-w", "together=2")
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n  - rule: exclude\n    where: {categories: [Space, Kitchen, Garden, Harbour]}\n")
    with_rules = said("price", "--release", str(release), "--rules", str(rules), "--users", "30", "-k", "5")
    assert " -0." in with_rules.split("recall@5")[1], "where all is left out, all is lost"
    assert "0% of the places stay" in with_rules
    assert "no change" in refused(InputError, "price", "--release", str(release))
    assert "GENERATOR=FACTOR" in refused(InputError, "price", "--release", str(release), "-w", "ease")
