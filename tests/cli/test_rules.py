from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from penchant.cli.main import app
from penchant.core.errors import InputError
from penchant.core.progress import quiet
from tests.serve.conftest import make_release

run = CliRunner().invoke
GOOD = "rules:\n  - rule: exclude\n    where: {categories: [Space, Spice]}\n  - {rule: spacing, by: brand}\n"


def test_a_good_file_has_a_version(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    done = run(app, ["rules", "check", str(path)], catch_exceptions=False)
    assert done.exit_code == 0 and done.output.startswith("2 rules, version ")


def test_every_problem_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  - {rule: spacing, window: 0}\n  - {rule: quota}\n")
    done = run(app, ["rules", "check", str(path)], catch_exceptions=False)
    assert done.exit_code == 1
    assert [line.split(": ")[0] for line in done.output.splitlines()] == ["rules.yaml, line 2", "rules.yaml, line 3"]
    with pytest.raises(InputError, match="cannot be read"):
        run(app, ["rules", "check", str(tmp_path / "none.yaml")], catch_exceptions=False)


def test_a_file_is_checked_against_a_catalogue(tmp_path: Path) -> None:
    with quiet():
        release = str(make_release(tmp_path / "release"))
    path = tmp_path / "rules.yaml"
    path.write_text(GOOD)
    done = run(app, ["rules", "check", str(path), "--release", release], catch_exceptions=False)
    assert done.exit_code == 0
    assert "rules.yaml, line 2: categories: Spice: the catalogue has no such name" in done.output
    path.write_text(GOOD + "  - {rule: quota, by: colour, most: 2}\n")
    done = run(app, ["rules", "check", str(path), "--release", release], catch_exceptions=False)
    assert done.exit_code == 1 and "rules.yaml, line 5: column 'colour'" in done.output
