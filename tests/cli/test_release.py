"""``penchant release``: a release goes onto the shelf, past the checks, and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import InputError
from penchant.core.progress import quiet
from penchant.pipeline.shelf import Shelf
from tests.serve.conftest import make_release
from tests.serve.test_swap import renamed

run = CliRunner().invoke


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("releases")
    with quiet():
        first = make_release(folder / "first")
    return first, renamed(first, folder / "second", "tiny anew")


def test_from_the_first_release_to_a_rollback(folders: tuple[Path, Path], tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"

    def do(*arguments: str) -> tuple[int, str]:
        done = run(app, ["release", *arguments, "--shelf", str(shelf)], catch_exceptions=False)
        return done.exit_code, done.output

    names = [do("add", str(folder))[1].strip() for folder in folders]
    assert "live" not in do("list")[1]
    assert do("promote", names[0], "--users", "10")[0] == 0
    code, told = do("promote", names[1], "--users", "20", "--margin", "1")
    assert Shelf(shelf).live == names[code == 0]  # how long a list takes depends on what else runs here
    assert all(word in told for word in ("quality", "coverage", "latency", "catalogue"))
    if code:
        assert "Not promoted" in told
        assert do("promote", names[1], "--users", "20", "--force", "--why", "it was the machine")[0] == 0
    assert Shelf(shelf).moves()[-1].checks is not None
    assert do("rollback", "--why", "to try it")[0] == 0
    assert Shelf(shelf).live == names[0]
    assert "to try it" in do("show", names[0])[1]
    assert "NDCG@10" in do("show", names[0])[1]
    assert do("remove", names[1])[0] == 0
    assert len(Shelf(shelf).releases()) == 1


def test_force_needs_a_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--why"):
        run(app, ["release", "promote", "x", "--force", "--shelf", str(tmp_path)], catch_exceptions=False)


def test_rebuild_refuses_a_time_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ISO 8601"):
        run(app, ["rebuild", "ml-100k", "--until", "tomorrow", "--shelf", str(tmp_path / "shelf")], catch_exceptions=False)
